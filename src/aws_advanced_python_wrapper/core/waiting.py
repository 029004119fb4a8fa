"""Waiting for news of a cluster, and for a turn."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aws_advanced_python_wrapper.cluster.places import Places
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


@asynccontextmanager
async def place(io: Io, places: Places, deadline: Deadline) -> AsyncIterator[bool]:
    """Wait for a place and keep it for the block; False past the deadline: none was to be had."""
    taken = await _take(io, places, deadline)
    try:
        yield taken
    finally:
        if taken:
            places.give_back()


async def _take(io: Io, places: Places, deadline: Deadline) -> bool:
    turn = io.event()
    if places.take(turn):
        return True
    try:
        await turn.wait(deadline.remaining())
    except BaseException:  # whoever is interrupted here may have a place already
        if not places.leave_line(turn):
            places.give_back()
        raise
    return not places.leave_line(turn)
