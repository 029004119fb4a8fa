"""Keeps a cluster's topology true: asks hosts who they are, in background threads.

Calm, one thread asks the writer every refresh interval, and so does another one for each host that is unavailable,
until it answers: no host is avoided for longer than it has to be. While somebody searches (a session failed over, or
the writer's own thread lost it), every known host has a thread that asks at a short interval; each publishes what its
host says of itself. There is no coordinator: each thread decides after each answer whether it is still needed.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aws_advanced_python_wrapper.cluster.background import HostThreads, RefusedError, give_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.cluster.store import TopologyStore
    from aws_advanced_python_wrapper.cluster.topology import Observation

logger = logging.getLogger(__name__)

_HEAD_START = 0.02  # s that the writer's standing connection has to answer a search before all hosts are asked
_KNOCKING = 0.25  # of the short interval between tries to reach a host: one that is refused has cost nobody anything
_PATIENT_TRIES = 100  # tries in one search before the pause between tries grows
_LONGEST_PAUSE = 5.0  # s between tries when nobody waits for the result, or when the host refuses us
_A_FULL_PAUSE = 1_000_000  # as many tries as make every pause the longest
_LONGEST_PAUSE_AWAITED = 1.0  # s between tries when somebody waits
_SETTLING = 30.0  # s after a search during which the writer is asked more often: members come back
_SETTLING_INTERVAL = 1.0  # s


class Observer(Protocol):
    """A connection to one host that can ask it who it is."""

    def observe(self) -> Observation:
        """Ask; raises the driver's error, also when the host does not answer in time."""
        ...

    def close(self) -> None:
        """End the connection without waiting for the host."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often hosts are asked, in seconds."""

    calm: float
    searching: float


class TopologyMonitor(HostThreads):
    """The threads that ask the hosts of one cluster.

    `connect` opens an observer of a host; `wanted` tells whether any connection still needs this cluster's topology.
    """

    purpose = "topology"

    def __init__(
        self,
        store: TopologyStore,
        connect: Callable[[HostInfo], Observer],
        wanted: Callable[[], bool],
        pace: Pace,
    ) -> None:
        super().__init__(store)
        self._connect = connect
        self._wanted = wanted
        self._pace = pace
        self._calm = min(pace.calm, threading.TIMEOUT_MAX)

    def after_fork(self) -> None:
        """See `HostThreads`; no search and no loss is known."""
        super().after_fork()
        self._searches: set[object] = set()
        self._calls = 0  # grows with each search and stop, so that no thread sleeps over one
        self._lost_at = float("-inf")
        self._settled_at = float("-inf")
        self._stopped = False

    @property
    def is_watching(self) -> bool:
        """Whether the topology is being kept up to date and no search is under way."""
        with self._lock:
            return bool(self._threads) and not self._is_searching()

    def start(self) -> None:
        """Watch the writer from now on; does nothing if it is watched already."""
        with self._lock:
            self._stopped = False
        self._start_missing()

    def stop(self) -> None:
        """Have all threads end, none of which is waited for; whoever is searching is served until they have done."""
        with self._lock:
            self._stopped = True
            self._call()

    @contextmanager
    def search(self, since: float) -> Iterator[None]:
        """Have all hosts asked at the short interval for as long as the caller waits for news.

        `since` is the monotonic time of the failure: the writer is taken as lost until one says so after it.
        """
        # A token, not a count: whatever interrupts the beginning, the end takes away what was added, and no more.
        token = object()
        try:
            with self._lock:
                self._stopped = False
                self._searches.add(token)
                self._lost_at = max(self._lost_at, since)
                if len(self._searches) == 1:  # later callers are served by the search that is under way
                    self._call()
            self._start_missing()
            yield
        finally:
            with self._lock:
                self._searches.discard(token)

    def reconsider(self) -> None:
        """Have each thread look whether it is still needed, now and not at its next turn."""
        with self._lock:
            self._call()

    @property
    def pace(self) -> Pace:
        """How often hosts are asked."""
        return self._pace

    def _call(self) -> None:
        self._calls += 1
        self._changed.notify_all()

    def _is_searching(self) -> bool:
        if self._searches:
            return True
        topology = self._store.current
        verified_at = topology.writer_verified_at if topology else None
        return verified_at is None or verified_at < self._lost_at

    def _needed(self) -> set[str]:
        topology = self._store.current
        wanted = self._searches or (not self._stopped and self._wanted())
        if topology is None or not wanted:
            return set()
        if self._is_searching() or topology.writer is None:
            return {host.address for host in topology.hosts}
        return {topology.writer.address} | topology.unavailable

    def _is_lost(self, address: str) -> bool:
        topology = self._store.current
        return topology is not None and address in topology.unavailable

    def _work_on(self, address: str) -> Callable[[], None]:
        return partial(self._watch, address, self._calls)

    def _watch(self, address: str, calls: int) -> None:
        self._wait_for_first_turn(address, calls)
        self._ask_while_needed(address)

    def _ask_while_needed(self, address: str) -> None:
        observer: Observer | None = None
        tries = 0
        calls = self._calls  # read before it is looked whether this thread is needed: no call after that is slept over
        while self._go_on(address):
            tries = tries + 1 if self._is_searching() else 0
            refused = False
            try:
                observer = observer or self._connect(self._member(address))
                self._store.publish(observer.observe())
                self._forget_reason(address)
            except Exception as error:  # noqa: BLE001 - whatever it was, only this connection ends for it
                give_up(observer)
                observer = None
                if reason := self._note_reason(address, error):  # it is logged once for as long as it is the same
                    logger.debug("%s does not answer: %s", address, reason)
                refused = isinstance(error, RefusedError)
                tries = max(tries, 1)
                self._note_failure(address)
            self._pause(
                calls, _A_FULL_PAUSE if refused else tries, self._pace.searching * (1 if observer else _KNOCKING)
            )
            calls = self._calls
        give_up(observer)

    def _wait_for_first_turn(self, address: str, calls: int) -> None:
        # Calm, the session that started this thread has just asked the writer; a host that is unavailable was marked so
        # up to a turn ago. In a search, the standing connection goes first.
        with self._lock:
            if self._calls != calls:
                return
            if not self._is_searching():
                self._changed.wait(0 if self._is_lost(address) else self._calm)
            elif len(self._threads) > 1:
                self._changed.wait(_HEAD_START)

    def _note_failure(self, address: str) -> None:
        topology = self._store.current
        with self._lock:
            if topology and topology.writer and topology.writer.address == address:
                self._lost_at = max(self._lost_at, time.monotonic())
        self._store.mark_unavailable(address)

    def _pause(self, calls: int, tries: int, searching: float) -> None:
        with self._lock:
            now = time.monotonic()
            if self._calls != calls:  # a call came while the host was being asked
                return
            if self._is_searching():
                self._settled_at = now + _SETTLING
                longest = _LONGEST_PAUSE_AWAITED if self._searches and tries < _A_FULL_PAUSE else _LONGEST_PAUSE
                growth: float = 1.5 ** min(max(0, tries - _PATIENT_TRIES), 20)
                self._changed.wait(min(searching * growth, longest))
            else:
                self._changed.wait(min(_SETTLING_INTERVAL, self._calm) if now < self._settled_at else self._calm)

    def __repr__(self) -> str:
        with self._lock:
            return f"<{type(self).__name__} {'searching' if self._is_searching() else 'calm'} {sorted(self._threads)}>"
