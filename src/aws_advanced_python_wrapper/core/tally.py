"""Totals that all threads of the process add to."""

from __future__ import annotations

import os
import threading


class Tally:
    """A whole number that grows; as an attribute of a class it is read as the number itself."""

    def __init__(self) -> None:
        self._total = 0
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)  # a thread of the parent's may have held it

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        """Add a number, from any thread."""
        with self._lock:
            self._total += number

    def reset(self) -> None:
        """Begin at zero again."""
        with self._lock:
            self._total = 0

    def __get__(self, instance: object, owner: type) -> int:
        return self._total
