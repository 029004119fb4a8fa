"""What stands before moto's services: it counts, has faults, checks signatures, and gives out keys that count."""

from __future__ import annotations

import threading
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.aws import calls, signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_advanced_python_wrapper.local.aws.calls import Call, Refusal
    from aws_advanced_python_wrapper.local.aws.faults import Faults
    from aws_advanced_python_wrapper.local.aws.keys import KeyRing
    from aws_advanced_python_wrapper.local.aws.services import Services
    from aws_advanced_python_wrapper.local.aws.sessions import Sessions


class Gate:
    """A WSGI application, for many threads at once."""

    def __init__(self, services: Services, keys: KeyRing, sessions: Sessions, faults: Faults) -> None:
        self._services = services
        self._keys = keys
        self._sessions = sessions
        self._faults = faults
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """See PEP 3333."""
        call = calls.read(environ)
        with self._lock:
            self._calls[call.name] += 1
        refusal = self._refusal(call)
        status, content_type, body = self._serve(call) if refusal is None else refusal.answer(call)
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def calls(self) -> dict[str, int]:
        """Return how often each operation was called, refused or not."""
        with self._lock:
            return dict(self._calls)

    def reset_calls(self) -> None:
        """Count anew."""
        with self._lock:
            self._calls.clear()

    def _refusal(self, call: Call) -> Refusal | None:
        return self._faults.meet(call) or signatures.check(call, self._keys) or self._sessions.refusal(call)

    def _serve(self, call: Call) -> tuple[int, str, bytes]:
        status, content_type, body = self._services.serve(call)
        return status, content_type, self._sessions.issue(call, body)
