"""Finds out which servers have fallen silent while calls wait for them: one thread for each server in use.

The thread sleeps until a call could be overdue. While one is, it checks the server over a connection of its own, once
in each interval; a call whose server has been silent for too long is given up.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.background_thread import BackgroundThread
from aws_advanced_python_wrapper.cluster.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.cluster.silence import Caller, Overdue

logger = logging.getLogger(__name__)

_AFTER_A_FAULT = 1.0  # s until a thread goes on in which something unforeseen was raised


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
        watcher.start()

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
    """The thread that watches one server; `ended` is told under the lock."""

    def __init__(self, address: str, lock: threading.RLock, ended: Callable[[HostWatcher], None]) -> None:
        self.address = address
        self._lock = lock
        self._changed = threading.Condition(lock)
        self._thread = BackgroundThread(f"host {address}", self._watch)
        self._ended = ended
        self._callers: weakref.WeakSet[Caller] = weakref.WeakSet()
        self._stopped = False
        self._disposal = 0.0
        self._deserted_at: float | None = None
        self._wakes_at = -math.inf
        self._silence = Silence(address)

    # Under the lock, in any thread

    def join(self, caller: Caller) -> None:
        """Watch for one more caller."""
        self._callers.add(caller)
        self._deserted_at = None
        self._disposal = max(self._disposal, caller.patience.disposal)
        if _soonest(caller, time.monotonic()) < self._wakes_at:  # it is less patient than the others
            self._changed.notify_all()

    def leave(self, caller: Caller) -> None:
        """Watch for one caller less."""
        self._callers.discard(caller)
        if not self._callers:
            self._changed.notify_all()

    def stop(self) -> None:
        """Have the thread end, whoever is left."""
        self._stopped = True
        self._changed.notify_all()
        self._ended(self)

    # Without the lock, in any thread

    def start(self) -> None:
        """Have the thread begin, if it has not."""
        try:
            self._thread.start()
        except RuntimeError as error:  # the process has no room for another thread, or is ending
            with self._lock:
                self.stop()
            logger.warning("cannot watch %s, calls to it may wait for ever: %s", self.address, error)

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
                self._silence.end()

    def _wait_until_overdue(self) -> bool:
        """Sleep for as long as no call can be overdue; False when the thread is not needed any more."""
        with self._lock:
            while not self._stopped:
                # No wake-up is lost: who joins or leaves holds the lock, which is free only while this waits.
                now = time.monotonic()
                pause = self._pause(now)
                if pause > 0:
                    self._wakes_at = now + pause
                    self._changed.wait(min(pause, threading.TIMEOUT_MAX))
                elif self._callers:
                    return True
                else:
                    self.stop()
            return False

    def _pause(self, now: float) -> float:
        moments = [_soonest(caller, now) for caller in self._present()]
        if moments:
            return min(moments) - now
        if self._deserted_at is None:
            self._deserted_at = now
        return self._deserted_at + self._disposal - now

    def _check(self) -> None:
        """Check the server once, which takes one interval."""
        # At the interval of the least patient, be their calls overdue or not: they may be before a longer one ends.
        intervals = [caller.patience.interval for caller in self._present()] or [0.0]
        began, interval = time.monotonic(), min(intervals)
        self._silence.begin(self._overdue())
        answered = self._silence.ask(interval)
        self._rest(began + interval)
        self._silence.count(answered, time.monotonic() - began, max(intervals))
        overdue = self._overdue()
        if overdue:
            self._silence.give_up(overdue, self._present())
        else:
            self._silence.end()

    def _overdue(self) -> list[Overdue]:
        """The calls that have lasted too long."""
        now = time.monotonic()
        calls = ((caller, began) for caller in self._present() for began in tuple(caller.running))
        return [(caller, began) for caller, began in calls if now >= began + caller.patience.time]

    def _present(self) -> list[Caller]:
        """The callers of this moment. Not to be kept: one that is dropped is to be collected."""
        with self._lock:
            return list(self._callers)

    def _rest(self, until: float) -> None:
        with self._lock:
            while not self._stopped and (pause := until - time.monotonic()) > 0:
                self._changed.wait(min(pause, threading.TIMEOUT_MAX))


def _soonest(caller: Caller, now: float) -> float:
    """When a call of this caller's can be overdue at the soonest."""
    running, patience = tuple(caller.running), caller.patience
    if running:
        return min(running) + patience.time
    # A call that begins just now is noticed an interval late, should its time be shorter than that.
    return now + max(patience.time, patience.interval)


WATCHERS = HostWatchers()
os.register_at_fork(after_in_child=WATCHERS.after_fork)
