"""The one mutable cell of a cluster: its current topology."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from aws_advanced_python_wrapper.cluster.topology import (
    Observation,
    Topology,
    mark_unavailable,
    next_topology,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.deadline import Deadline

T = TypeVar("T")


class TopologyStore:
    """Holds the topology that monitors and sessions publish to, and wakes those who wait for news.

    Reading takes no lock: a topology is a frozen value. No I/O and no foreign code runs under the lock.
    """

    def __init__(self) -> None:
        self._topology: Topology | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """Forget who waits; in a forked child nobody does, and the lock may be held by a thread of the parent."""
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []

    @property
    def current(self) -> Topology | None:
        """The newest topology, or None before the first observation."""
        return self._topology

    def publish(self, observation: Observation) -> Topology:
        """Take in what one host said and return the topology that follows from it."""
        return self._update(lambda old: next_topology(old, observation))

    def mark_unavailable(self, address: str) -> None:
        """Note that a host did not answer; it counts as available again once it does."""
        self._update(lambda old: old and mark_unavailable(old, address))

    def look(self, accept: Callable[[Topology], T | None]) -> T | None:
        """Return what `accept` finds in the current topology."""
        topology = self._topology
        return None if topology is None else accept(topology)

    def wait(self, accept: Callable[[Topology], T | None], deadline: Deadline) -> T | None:
        """Block until `accept` finds something in the topology; None past the deadline."""
        # No wake-up is lost: the look and the wait happen under the lock that every publisher holds
        # while it swaps the topology, so news arrives either before the look or as a notification.
        with self._changed:
            while (found := self.look(accept)) is None and not deadline.expired:
                self._changed.wait(min(deadline.remaining(), threading.TIMEOUT_MAX))
            return found

    def wake(self) -> None:
        """Have everybody who waits look again, although the topology is the same."""
        with self._changed:
            self._changed.notify_all()
            listeners = tuple(self._listeners)
        for wake in listeners:
            wake()

    @contextmanager
    def listener(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called, from the publisher's thread, after each change."""
        with self._changed:
            self._listeners.append(wake)
        try:
            yield
        finally:
            with self._changed:
                self._listeners.remove(wake)

    def _update(self, change: Callable[[Topology | None], T]) -> T:
        with self._changed:
            topology = change(self._topology)
            if topology is self._topology:
                return topology
            self._topology = topology  # type: ignore[assignment]
        self.wake()
        return topology

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._topology!r}>"
