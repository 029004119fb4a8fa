"""The one mutable cell of a cluster: its current topology."""

from __future__ import annotations

import threading
import time
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

T = TypeVar("T")


class TopologyStore:
    """Holds the topology that monitors and sessions publish to, and wakes those who wait for news.

    Reading takes no lock: a topology is a frozen value. No I/O and no foreign code runs under the lock.
    """

    def __init__(self) -> None:
        self._topology: Topology | None = None
        self._followers: tuple[Callable[[], None], ...] = ()
        self.after_fork()

    def after_fork(self) -> None:
        """Forget who waits; in a forked child nobody does, and the lock may be held by a thread of the parent."""
        self._lock = threading.RLock()  # re-entrant: a finalizer may close a connection at any moment
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
        at = time.monotonic()
        self._update(lambda old: old and mark_unavailable(old, address, at))

    def look(self, accept: Callable[[Topology], T | None]) -> T | None:
        """Return what `accept` finds in the current topology."""
        topology = self._topology
        return None if topology is None else accept(topology)

    def wake(self) -> None:
        """Have everybody who waits look again, although the topology is the same."""
        with self._lock:
            listeners = tuple(self._listeners)
        for wake in listeners:
            wake()

    def follow(self, changed: Callable[[], None]) -> None:
        """Have `changed` called, from the publisher's thread, after each change from now on, in a forked child too."""
        self._followers += (changed,)

    @contextmanager
    def listener(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called, from the publisher's thread, after each change."""
        with self._lock:
            self._listeners.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(wake)

    def _update(self, change: Callable[[Topology | None], T]) -> T:
        with self._lock:
            topology = change(self._topology)
            if topology is self._topology:
                return topology
            self._topology = topology  # type: ignore[assignment]
        for changed in self._followers:
            changed()
        self.wake()
        return topology

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._topology!r}>"
