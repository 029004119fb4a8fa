"""How long the hosts of a cluster take to answer: one thread for each host, while connections want to know."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aws_advanced_python_wrapper.cluster.background import HostThreads, first_accepted, give_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.cluster.host import HostInfo

logger = logging.getLogger(__name__)

_PINGS = 5
_ROUND = 1.0  # s after which a round has no further pings: a host that slow need not be measured exactly


class Pinger(Protocol):
    """A connection to one host over which its response time is measured."""

    def ping(self) -> None:
        """Have the host answer; raises the driver's error, also when it does not in time."""
        ...

    def close(self) -> None:
        """End the connection without waiting for the host."""
        ...


class Interested(Protocol):
    """A connection of the program's that wants to know the response times."""

    interval: float
    """Seconds between two measurements of a host."""
    key: str
    """The same for settings that open the same connection."""

    def connect(self, host: HostInfo) -> Pinger:
        """Open a connection; raises `RefusedError` if the server does not accept these credentials."""
        ...


class ResponseTimes(HostThreads):
    """The response times of a cluster's hosts, and the threads that measure them.

    Connections that are interested are held weakly. A thread ends at its next turn when nobody needs it, if not before.
    """

    purpose = "response time"

    def after_fork(self) -> None:
        """See `HostThreads`; nobody is interested."""
        super().after_fork()
        self._interested: weakref.WeakSet[Interested] = weakref.WeakSet()
        self._measured: dict[str, tuple[float, float]] = {}
        """Address -> seconds, and the monotonic time until which that holds."""

    def of(self, address: str) -> float | None:
        """Return the response time of a host in seconds; None if it has not answered lately."""
        seconds, until = self._measured.get(address, (None, 0.0))
        return seconds if time.monotonic() < until else None

    def join(self, interested: Interested) -> None:
        """Measure for one more connection."""
        with self._lock:
            more_often = interested.interval < self._interval()
            self._interested.add(interested)
            if more_often:
                self._changed.notify_all()
        self._start_missing()

    def leave(self, interested: Interested) -> None:
        """Measure for one connection less."""
        with self._lock:
            self._interested.discard(interested)
            if not self._interested:
                self._changed.notify_all()

    def stop(self) -> None:
        """Have all threads end, none of which is waited for; connections must join again."""
        with self._lock:
            self._interested.clear()
            self._changed.notify_all()

    def _needed(self) -> set[str]:
        topology = self._store.current
        return {host.address for host in topology.hosts} if topology and self._interested else set()

    def _work_on(self, address: str) -> Callable[[], None]:
        return partial(self._measure, address)

    # The threads

    def _measure(self, address: str) -> None:
        pinger: Pinger | None = None
        try:
            while self._go_on(address):
                began = time.monotonic()
                try:
                    pinger = pinger or self._connect(address)
                    self._note(address, round_trip(pinger), began)
                except Exception as error:  # noqa: BLE001 - whatever it was, only this connection ends for it
                    give_up(pinger)
                    pinger = None
                    self._note_failure(address, error)
                self._pause(address, began)
        finally:
            give_up(pinger)

    def _connect(self, address: str) -> Pinger:
        host = self._member(address)
        with self._lock:
            offers = {interested.key: interested.connect for interested in self._interested}
        return first_accepted(host, offers.values())

    def _forget(self, address: str) -> None:
        super()._forget(address)
        self._measured.pop(address, None)

    def _note(self, address: str, seconds: float, began: float) -> None:
        now = time.monotonic()
        with self._lock:
            # The next result is due after an interval; one that is as late again does not come.
            self._measured[address] = seconds, now + 2 * (self._interval() + now - began)
            self._reasons.pop(address, None)

    def _note_failure(self, address: str, error: Exception) -> None:
        with self._lock:
            self._measured.pop(address, None)
        if reason := self._note_reason(address, error):  # it is logged once for as long as it is the same
            logger.debug("the response time of %s is not known: %s", address, reason)

    def _pause(self, address: str, began: float) -> None:
        with self._lock:
            while address in self._needed() and (pause := began + self._interval() - time.monotonic()) > 0:
                self._changed.wait(min(pause, threading.TIMEOUT_MAX))

    def _interval(self) -> float:
        return min((interested.interval for interested in self._interested), default=0.0)

    def __repr__(self) -> str:
        with self._lock:
            return f"<{type(self).__name__} {sorted(self._threads)}>"


def round_trip(pinger: Pinger) -> float:
    """Return the median time of some pings, in seconds."""
    times: list[float] = []
    while len(times) < _PINGS and sum(times) < _ROUND:
        began = time.perf_counter()
        pinger.ping()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]
