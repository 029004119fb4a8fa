"""`socket_timeout` for drivers that have no such limit themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.errors import QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.plugin import CallNext, SessionView
    from aws_advanced_python_wrapper.driver.contract import RawConnection

_AGAIN = 0.05  # s; until there may be a connection that can be broken


class CallLimit:
    """Ends a call in which the server has kept silent for so many seconds, by breaking the connection.

    Where the operating system does not tell when data came in last, the whole call is limited. While there is nothing
    to break, as when the connection is being opened again, the limit is not over either.
    """

    def __init__(self, session: SessionView, seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        """Make the call; raises `QueryTimeoutError` from the error that breaking the connection leads to."""
        del function
        raw = self._session.raw
        with self._session.io.alarm(self._seconds, lambda: self._ring(raw)) as alarm:
            try:
                return await proceed(*args, **kwargs)
            except Exception as error:
                if alarm.rang:
                    raise self._session.adapter.error(QueryTimeoutError, self._message) from error
                raise

    def _ring(self, raw: RawConnection) -> float | None:
        adapter = self._session.adapter
        if not self._session.running:  # the call is on its last steps, after a signal: its time was not up
            return math.inf
        if adapter.peer(raw) is None:
            return _AGAIN
        heard = adapter.last_heard(raw)
        if heard is not None and heard < self._seconds:
            return self._seconds - heard
        adapter.abort(raw)
        return None

    @property
    def _message(self) -> str:
        return (
            f"{self._session.host.address} has not answered for {self._seconds:g} s, the socket_timeout: the "
            "connection was given up. Give a longer socket_timeout if statements may take that long."
        )
