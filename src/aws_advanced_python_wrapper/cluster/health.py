"""Finds out which servers have fallen silent while calls wait for them: one thread for each server in use.

The thread sleeps until a call could be overdue. While one is, it checks the server over a connection of its own, once
in each interval; a call whose server has been silent for too long is given up.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

_AFTER_A_FAULT = 1.0  # s until a thread goes on in which something unforeseen was raised


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection waits for its server; all but `count` in seconds."""

    time: float
    """How long a call may last before its server is checked."""
    interval: float
    """How long the server has to answer a check, and how long each check takes."""
    count: int
    """How many checks in a row go without answer before the call is given up."""
    disposal: float
    """How long the thread stays after the last connection to its server is gone."""

    def is_over(self, missed: int, silence: float) -> bool:
        """Tell whether so many checks missed in a row, in so many seconds, are too many."""
        return missed >= self.count and silence >= self.count * self.interval


class Probe(Protocol):
    """A connection of the driver's own to a server."""

    def check(self, seconds: float) -> bool:
        """Tell whether the server says anything within so many seconds.

        Whatever is raised means that it could not be asked, for a reason that is not the server's.
        """
        ...

    def close(self) -> None:
        """End the connection without waiting for the server."""
        ...


class Caller(Protocol):
    """A connection of the program's, whose calls may wait for a server in vain."""

    @property
    def patience(self) -> Patience:
        """How long it waits."""
        ...

    @property
    def running(self) -> Sequence[float]:
        """Monotonic times, in seconds, at which the calls began that have not returned yet."""
        ...

    def open_probe(self) -> Probe:
        """Return a probe of the server; its first check connects."""
        ...

    def give_up(self, began: float) -> None:
        """End the call that began at that time, if it is still running."""
        ...


Overdue: TypeAlias = tuple[Caller, float]
"""A caller, and when the call began that has lasted too long."""


class HostWatchers:
    """The watchers of a process, one for each server; any thread may call.

    Callers are held weakly: one that is dropped is collected at once, and noticed at the watcher's next turn.
    """

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Start clean: in a forked child no thread of the parent lives, and the lock may be held by one."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may close a connection at any moment
        self._watchers: dict[str, HostWatcher] = {}

    def join(self, address: str, caller: Caller) -> None:
        """Watch, from now on, the server at the address that a caller is connected to."""
        with self._lock:
            watcher = self._watchers.get(address)
            if watcher is None:
                watcher = self._watchers[address] = HostWatcher(address, self._lock, self._forget)
            watcher.join(caller)

    def leave(self, address: str, caller: Caller) -> None:
        """Count a caller out."""
        with self._lock:
            if address in self._watchers:
                self._watchers[address].leave(caller)

    def clear(self) -> None:
        """Have all threads end, none of which is waited for; callers must join again."""
        with self._lock:
            for watcher in list(self._watchers.values()):
                watcher.stop()

    def _forget(self, watcher: HostWatcher) -> None:
        if self._watchers.get(watcher.address) is watcher:
            del self._watchers[watcher.address]

    def __repr__(self) -> str:
        with self._lock:
            return f"<{type(self).__name__} {sorted(self._watchers)}>"


class HostWatcher:
    """The thread that watches one server. It starts with the first caller; `ended` is told under the lock."""

    def __init__(self, address: str, lock: threading.RLock, ended: Callable[[HostWatcher], None]) -> None:
        self.address = address
        self._changed = threading.Condition(lock)
        self._ended = ended
        self._callers: weakref.WeakSet[Caller] = weakref.WeakSet()
        self._started = False
        self._stopped = False
        self._disposal = 0.0
        self._deserted_at: float | None = None
        self._row = Row(address)

    # Under the lock, in any thread

    def join(self, caller: Caller) -> None:
        """Watch for one more caller."""
        self._callers.add(caller)
        self._deserted_at = None
        self._disposal = max(self._disposal, caller.patience.disposal)
        self._changed.notify_all()  # it may be less patient than the others
        if not self._started:
            self._start()

    def leave(self, caller: Caller) -> None:
        """Watch for one caller less."""
        self._callers.discard(caller)
        self._changed.notify_all()

    def stop(self) -> None:
        """Have the thread end, whoever is left."""
        self._stopped = True
        self._changed.notify_all()
        self._ended(self)

    def _start(self) -> None:
        self._started = True
        try:
            threading.Thread(target=self._watch, name=f"host {self.address}", daemon=True).start()
        except RuntimeError as error:  # the process has no room for another thread, or is ending
            self.stop()
            logger.warning("cannot watch %s, calls to it may wait for ever: %s", self.address, error)
        except BaseException:  # a signal handler raised: should the thread have begun, it ends
            self.stop()
            raise

    # The thread

    def _watch(self) -> None:
        while True:
            try:
                while self._wait_until_overdue():
                    self._check()
            except Exception:  # noqa: PERF203 - the thread must go on
                logger.exception("watching %s", self.address)
                time.sleep(_AFTER_A_FAULT)
            else:
                return
            finally:
                self._row.end()

    def _wait_until_overdue(self) -> bool:
        """Sleep for as long as no call can be overdue; False when the thread is not needed any more."""
        with self._changed:
            while not self._stopped:
                # No wake-up is lost: who joins or leaves holds the lock, which is free only while this waits.
                pause = self._pause(time.monotonic())
                if pause > 0:
                    self._changed.wait(min(pause, threading.TIMEOUT_MAX))
                elif self._callers:
                    return True
                else:
                    self.stop()
            return False

    def _pause(self, now: float) -> float:
        moments = [_soonest(caller, now) for caller in self._callers]
        if moments:
            return min(moments) - now
        if self._deserted_at is None:
            self._deserted_at = now
        return self._deserted_at + self._disposal - now

    def _check(self) -> None:
        """Check the server once, which takes one interval."""
        began = time.monotonic()
        if not self._row.begin(self._overdue()):
            return
        interval = self._interval()
        answered = self._row.ask(interval)
        self._rest(began + interval)
        self._row.count(answered, time.monotonic() - began)
        overdue = self._overdue()
        if overdue:
            self._row.give_up(overdue)
        else:
            self._row.end()

    def _interval(self) -> float:
        # That of the least patient, be their calls overdue or not: they may be before a longer one has passed.
        with self._changed:
            return min((caller.patience.interval for caller in self._callers), default=0.0)

    def _overdue(self) -> list[Overdue]:
        """The calls that have lasted too long. Not to be kept, since it keeps their connections."""
        with self._changed:
            now = time.monotonic()
            calls = ((caller, began) for caller in self._callers for began in tuple(caller.running))
            return [(caller, began) for caller, began in calls if now >= began + caller.patience.time]

    def _rest(self, until: float) -> None:
        with self._changed:
            while not self._stopped and (pause := until - time.monotonic()) > 0:
                self._changed.wait(min(pause, threading.TIMEOUT_MAX))


def _soonest(caller: Caller, now: float) -> float:
    """When a call of this caller's can be overdue at the soonest."""
    running, patience = tuple(caller.running), caller.patience
    if running:
        return min(running) + patience.time
    # A call that begins just now is noticed an interval late, should its time be shorter than that.
    return now + max(patience.time, patience.interval)


class Row:
    """The checks of one server while calls are overdue: one connection, and how many in a row have missed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._probe: Probe | None = None
        self._turns = itertools.count()
        self._missed = 0
        self._silence = 0.0
        self._told: set[str] = set()

    def begin(self, overdue: Sequence[Overdue]) -> bool:
        """Have a probe with the settings of one of the callers; False if there is none, and nothing to check."""
        if self._probe is None and overdue:
            caller, _ = overdue[
                next(self._turns) % len(overdue)
            ]  # each time another's: one may have settings that fail
            try:
                self._probe = caller.open_probe()
            except Exception as error:  # noqa: BLE001 - as below
                self._tell("cannot check %s: %s", error)
        return bool(overdue)

    def ask(self, seconds: float) -> bool | None:
        """Return whether the server answers in time; None if it could not be asked."""
        try:
            return self._probe.check(seconds) if self._probe else None
        except Exception as error:  # noqa: BLE001 - whatever it was, it is no answer, and no silence either
            self._tell("cannot check %s: %s", error)
            self._close()
            return None

    def count(self, answered: bool | None, seconds: float) -> None:
        """Count a check that took so many seconds."""
        if answered:
            self._missed, self._silence = 0, 0.0
            self._told.clear()
        elif answered is False:
            self._missed, self._silence = self._missed + 1, self._silence + seconds

    def give_up(self, overdue: Sequence[Overdue]) -> None:
        """End the calls of those whose patience is over."""
        over = [(caller, began) for caller, began in overdue if caller.patience.is_over(self._missed, self._silence)]
        if over:
            self._tell("%s has not answered for %.1f s: calls that wait for it are given up", self._silence)
        for caller, began in over:
            try:
                caller.give_up(began)
            except Exception as error:  # noqa: BLE001, PERF203 - one caller's trouble is none of the others'
                logger.warning("giving up a call to %s: %s", self._address, error)

    def end(self) -> None:
        """Close the probe and forget: no call is overdue any more."""
        self._close()
        self._missed, self._silence = 0, 0.0
        self._told.clear()

    def _close(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.close()

    def _tell(self, message: str, detail: object) -> None:
        if message not in self._told:
            self._told.add(message)
            logger.warning(message, self._address, detail)


WATCHERS = HostWatchers()
os.register_at_fork(after_in_child=WATCHERS.after_fork)
