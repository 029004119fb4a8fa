"""When values are renewed: one thread for the process, which ends when nothing is left to be renewed."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from aws_advanced_python_wrapper.background_thread import BackgroundThread

logger = logging.getLogger(__name__)

_AT_ONCE = 8  # values that are renewed at the same time: each takes a thread
_AFTER_A_FAULT = 1.0  # s until the thread goes on in which something unforeseen was raised
_LONGEST_PAUSE = 60.0  # s; a clock that was set, or a machine that slept, is noticed after so long


class Renewable(Protocol):
    """What is renewed."""

    @property
    def due_in(self) -> float:
        """Seconds until it is to be renewed."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether it is being renewed just now; `Schedule.put` is called when that ends."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Whether anybody needs it."""
        ...

    def renew(self) -> None:
        """Begin to renew it; must not wait."""
        ...


class Schedule:
    """Has values renewed when they are due, and forgets those that nobody wants by then."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Start clean in a forked child, where the parent's thread does not live and its lock may be held."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._values: set[Renewable] = set()
        self._thread: BackgroundThread | None = None

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def put(self, value: Renewable) -> None:
        """Have a value renewed when it is due; to be called again whenever that is another moment."""
        with self._lock:
            self._values.add(value)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = BackgroundThread("sign-in: renewals", self._run)
            thread = self._thread
        try:
            thread.start()
        except RuntimeError as error:  # the process has no room for another thread, or is ending
            self._give_up_starting(thread)
            logger.warning("credentials are renewed only when they are needed: %s", error)

    def drop(self, value: Renewable) -> None:
        """Have a value renewed no more."""
        with self._lock:
            self._values.discard(value)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget everything, which ends the thread."""
        with self._lock:
            self._values = set()
            self._changed.notify_all()

    def _give_up_starting(self, thread: BackgroundThread) -> None:
        with self._lock:
            if self._thread is thread:
                self._thread = None

    def _run(self) -> None:
        while not self._has_ended():
            time.sleep(_AFTER_A_FAULT)

    def _has_ended(self) -> bool:
        """Renew values until none are left; False after something unforeseen."""
        try:
            while (ready := self._next()) is not None:
                for value in ready:
                    value.renew()
        except Exception:
            logger.exception("renewing credentials")
            return False
        return True

    def _next(self) -> list[Renewable] | None:
        """Wait until values are due, and return them; None ends the thread, as none are left."""
        with self._lock:
            while self._values:
                waits = {value: value.due_in for value in tuple(self._values)}
                due = [value for value, seconds in waits.items() if seconds <= 0]
                self._values.difference_update([value for value in due if not value.is_wanted])
                ready = [value for value in due if value in self._values]
                places = max(0, _AT_ONCE - sum(value.is_busy for value in waits))
                if ready[:places]:
                    return ready[:places]
                if self._values:  # where there is no place, one is told when it becomes free
                    later = [seconds for seconds in waits.values() if seconds > 0]
                    self._changed.wait(min(_LONGEST_PAUSE, *later, _LONGEST_PAUSE))
            self._thread = None
            return None
