"""Alarms for calls that block their thread: one watchman for the process, who wakes only when one may be due."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

logger = logging.getLogger(__name__)

_LINGER = 5.0  # s; how long the thread stays when there is nothing to watch
_NEVER = float("inf")


class ThreadAlarm:
    """Rings in the watchman's thread unless its block ends before."""

    __slots__ = ("_ring", "at", "rang")

    def __init__(self, seconds: float, ring: Callable[[], float | None]) -> None:
        self.at = time.monotonic() + seconds
        self.rang = False
        self._ring = ring

    def ring(self) -> None:
        """Ask whether the time is up, and when to ask again if it is not."""
        more = self._ring()
        self.rang = more is None
        self.at = _NEVER if more is None else time.monotonic() + more

    def __enter__(self) -> Self:
        _watchman.watch(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _watchman.forget(self)


class _Watchman:
    """Rings the alarms that are due. To set one takes no lock, unless it is due before he wakes anyway."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())  # re-entrant: a finalizer may come in between
        self._watched: dict[ThreadAlarm, None] = {}
        self._wakes_at = _NEVER
        self._thread: threading.Thread | None = None

    def watch(self, alarm: ThreadAlarm) -> None:
        self._watched[alarm] = None
        if alarm.at < self._wakes_at:
            with self._changed:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="aws-driver-alarms", daemon=True)
                    self._thread.start()
                self._changed.notify()

    def forget(self, alarm: ThreadAlarm) -> None:
        self._watched.pop(alarm, None)

    def _run(self) -> None:
        while self._wait():
            now = time.monotonic()
            for alarm in list(self._watched):
                if alarm.at <= now:
                    _ring(alarm)

    def _wait(self) -> bool:
        """Sleep until an alarm may be due; False, and no thread any more, if for a while there has been none."""
        with self._changed:
            # Whoever sets an alarm from here on waits for the lock, and is heard.
            self._wakes_at = _NEVER
            due = min((alarm.at for alarm in list(self._watched)), default=_NEVER)
            idle = not self._watched
            self._wakes_at = time.monotonic() + _LINGER if idle else due
            notified = self._changed.wait(min(max(0.0, self._wakes_at - time.monotonic()), threading.TIMEOUT_MAX))
            if notified or self._watched or not idle:
                return True
            self._wakes_at, self._thread = _NEVER, None
            return False


def _ring(alarm: ThreadAlarm) -> None:
    try:
        alarm.ring()
    except Exception:
        alarm.at = _NEVER
        logger.exception("an alarm failed")


_watchman = _Watchman()


def _after_fork() -> None:
    global _watchman  # noqa: PLW0603 - in a forked child the thread is gone, and the lock may be held for ever
    _watchman = _Watchman()


os.register_at_fork(after_in_child=_after_fork)
