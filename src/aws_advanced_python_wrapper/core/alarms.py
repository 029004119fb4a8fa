"""Alarms for calls that block their thread: one watchman for the process, who wakes only when one may be due.

Finalizers may come in between anywhere, also in the watchman's own thread, and set alarms themselves. So nobody waits
here for a lock that is held while more than an alarm's own function runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from threading import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

logger = logging.getLogger(__name__)

_LINGER = 5.0  # s; how long the thread stays when there is nothing to watch
_NEVER = float("inf")


class ThreadAlarm:
    """Rings in the watchman's thread while its block lasts, never after it.

    What is done while the interpreter ends has no limit where the thread has not been needed before.
    """

    __slots__ = ("_gate", "_over", "_rang", "_ring", "at")

    def __init__(self, seconds: float, ring: Callable[[], float | None]) -> None:
        self.at = time.monotonic() + seconds
        self._ring = ring
        self._rang = False
        self._over = False
        self._gate = threading.Lock()

    @property
    def rang(self) -> bool:
        """Whether the time was up. What the ringing leads to may be seen before it is over: that is waited for."""
        with self._gate:
            return self._rang

    def ring(self) -> None:
        """Ask whether the time is up, and when to ask again if it is not; without effect once the block has ended."""
        with self._gate:
            if self._over or self._rang:
                return
            self.at = _NEVER
            more = self._ring()
            self._rang = more is None
            if more is not None:
                self.at = time.monotonic() + more

    def __enter__(self) -> Self:
        try:
            _watchman.watch(self)
        except BaseException:  # a signal's handler may raise here too
            _watchman.forget(self)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _watchman.forget(self)
        with self._gate:
            self._over = True


class _Watchman:
    """Rings the alarms that are due. To set one wakes nobody, unless it is due before he wakes anyway."""

    def __init__(self, watched: dict[ThreadAlarm, None]) -> None:
        self._watched = watched
        self._wakes_at = _NEVER
        self._bell = threading.Lock()  # taken until somebody rings for him
        self._bell.acquire()
        self._duty = threading.Lock()  # taken while there is a thread
        self._thread = 0
        self._relieved = False

    def watch(self, alarm: ThreadAlarm) -> None:
        if alarm.at == _NEVER:
            return
        self._watched[alarm] = None
        if alarm.at < self._wakes_at:
            with contextlib.suppress(RuntimeError):  # somebody has rung already
                self._bell.release()
            self.begin()
        if get_ident() == self._thread:  # a finalizer of the program's has come in between, and is about to block
            self._relieve()
        if self._relieved:
            _watchman.watch(alarm)

    def forget(self, alarm: ThreadAlarm) -> None:
        self._watched.pop(alarm, None)

    def begin(self) -> None:
        if not self._duty.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._run, name="aws-driver-alarms", daemon=True).start()
        except BaseException as error:
            self._duty.release()
            if not _is_at_exit(error):
                raise

    def _relieve(self) -> None:
        global _watchman  # noqa: PLW0603 - there is one at a time
        self._thread, self._relieved = 0, True
        _watchman = _Watchman(self._watched)
        _watchman.begin()

    def _run(self) -> None:
        self._thread = get_ident()
        while not self._relieved:
            if self._sleep() and self._may_go():
                return
            self._ring_what_is_due(time.monotonic())

    def _sleep(self) -> bool:
        """Sleep until an alarm may be due, or one is set that is due earlier; True if there was none all the time."""
        # Whoever sets an alarm from here on rings the bell, and is heard; those set before are looked at.
        self._wakes_at = _NEVER
        due = min((alarm.at for alarm in list(self._watched)), default=None)
        self._wakes_at = time.monotonic() + _LINGER if due is None else due
        seconds = max(0.0, self._wakes_at - time.monotonic())
        heard = self._bell.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))
        return due is None and not heard

    def _may_go(self) -> bool:
        """Leave, unless somebody relies on him."""
        self._wakes_at, self._thread = _NEVER, 0
        self._duty.release()
        # Whoever has set an alarm before that may have relied on him; whoever sets one from here on finds nobody.
        if not self._watched or not self._duty.acquire(blocking=False):
            return True
        self._thread = get_ident()
        return False

    def _ring_what_is_due(self, now: float) -> None:
        for alarm in list(self._watched):
            if alarm.at > now or self._relieved:
                continue
            try:
                alarm.ring()
            except Exception:
                logger.exception("an alarm failed")
            if alarm.at == _NEVER:
                self.forget(alarm)


def _is_at_exit(error: BaseException) -> bool:
    """Tell whether the interpreter gives no more threads because it ends: from Python 3.12 on, in `atexit` already."""
    return isinstance(error, RuntimeError) and "interpreter shutdown" in str(error)


_watchman = _Watchman({})


def _after_fork() -> None:
    global _watchman  # noqa: PLW0603 - in a forked child the thread is gone, and the locks may be held for ever
    _watchman = _Watchman({})


os.register_at_fork(after_in_child=_after_fork)
