"""What can be wrong with AWS: calls that are throttled, denied, slow, or not served at all."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.aws.calls import THROTTLED, UNAVAILABLE, Refusal

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.aws.calls import Call


class Faults:
    """The faults of this moment. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._throttled = 0.0
        self._unavailable = False
        self._denied: set[str] = set()
        self._slow = 0.0
        self._over = threading.Event()

    def throttle(self, calls: int | None) -> None:
        """Throttle the next so many calls, or all."""
        with self._lock:
            self._throttled = math.inf if calls is None else calls

    def fail(self) -> None:
        """Answer every call with 503."""
        self._unavailable = True

    def deny(self, operation: str) -> None:
        """Deny everybody an operation, such as "secretsmanager:GetSecretValue"."""
        with self._lock:
            self._denied.add(operation)

    def slow(self, seconds: float) -> None:
        """Answer every call so many seconds late."""
        self._slow = seconds

    def restore(self) -> None:
        """End all faults; calls that are held up go on at once."""
        with self._lock:
            self._throttled, self._unavailable, self._slow = 0.0, False, 0.0
            self._denied.clear()
            over, self._over = self._over, threading.Event()
        over.set()

    def meet(self, call: Call) -> Refusal | None:
        """Hold a call up as long as it is to be, and return how it is refused, if it is."""
        self._over.wait(self._slow)
        if self._unavailable:
            return UNAVAILABLE
        with self._lock:
            if self._throttled > 0:
                self._throttled -= 1
                return THROTTLED
            return _denial(call) if call.name in self._denied else None


def _denial(call: Call) -> Refusal:
    message = f"User is not authorized to perform: {call.name} because no identity-based policy allows it"
    return Refusal("AccessDenied", message, 403, json_code="AccessDeniedException")
