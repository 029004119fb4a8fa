"""A limited number of places for callers of any thread and event loop."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol


class Caller(Protocol):
    """Somebody in line, who is told when a place is theirs."""

    def set(self) -> None:
        """Tell them, from any thread."""
        ...


class Places:
    """At most `number` callers have a place at a time; the others stand in line and are served in their order."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._line: deque[Caller] = deque()
        self._lock = threading.RLock()  # a finalizer may give a place back at any moment

    def take(self, caller: Caller) -> bool:
        """Take a place; False if none is free, and the caller is told when one has been handed over to them."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            self._line.append(caller)
            return False

    def leave_line(self, caller: Caller) -> bool:
        """Wait no longer; False if a place has been handed over meanwhile, which the caller has then."""
        with self._lock:
            if caller in self._line:
                self._line.remove(caller)
                return True
            return False

    def give_back(self) -> None:
        """Leave a place to the next in line."""
        with self._lock:
            if not self._line:
                self._free += 1
                return
            caller = self._line.popleft()
        caller.set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._free} free, {len(self._line)} in line>"
