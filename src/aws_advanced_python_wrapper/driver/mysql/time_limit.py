"""How long it may take to open a connection, whatever a server says or does not say meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_SECONDS = 10  # as PyMySQL and MySQL Connector/Python have it, but do not heed it in all that they do

CANNOT_CONNECT = 2003  # MySQL's client error CR_CONN_HOST_ERROR

_AGAIN = 0.05  # s; the driver may have no socket yet, or go on to another address


class TimeLimit:
    """Rings again and again, once the time is up, so that whatever the driver waits for then is ended too."""

    def __init__(self, seconds: float, end: Callable[[], object]) -> None:
        self.rang = False
        """Whether anything was ended."""
        self._deadline = Deadline.after(seconds)
        self._end = end

    @property
    def is_over(self) -> bool:
        """Whether the time was up: the driver's own limit for a wait may be as long, and be first."""
        return self.rang or self._deadline.expired

    def ring(self) -> float:
        """Have an end of it; returns the seconds until that is to be done again."""
        self.rang = True
        self._end()
        return _AGAIN


def message(arguments: Mapping[str, Any], seconds: float) -> str:
    """Return the text of the error for a host that has let nobody in for so many seconds."""
    where = arguments.get("unix_socket") or f"{arguments.get('host')}:{arguments.get('port')}"
    return (
        f"Can't connect to MySQL server on '{where}' (timed out): the login was not over within {seconds:g} s, the "
        "connect_timeout. Look whether the host can be reached and answers others, or give a longer connect_timeout."
    )
