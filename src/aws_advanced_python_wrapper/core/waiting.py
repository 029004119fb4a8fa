"""Waiting for news of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.cluster.store import TopologyStore
    from aws_advanced_python_wrapper.cluster.topology import Topology
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.deadline import Deadline

T = TypeVar("T")


async def wait_topology(
    io: Io, store: TopologyStore, accept: Callable[[Topology], T | None], deadline: Deadline
) -> T | None:
    """Wait until `accept` finds what it wants in the current topology; None past the deadline."""
    news = io.event()
    # No wake-up is lost: listening begins before the first look, and the event is cleared before each, so that news
    # between a look and the wait after it ends the wait at once.
    with store.listener(news.set):
        while True:
            news.clear()
            found = store.look(accept)
            if found is not None or deadline.expired:
                return found
            await news.wait(deadline.remaining())
