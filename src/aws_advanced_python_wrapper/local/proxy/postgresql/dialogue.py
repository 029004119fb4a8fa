"""PostgreSQL's dialogue: the client speaks first, and after its opening every byte passes as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.postgresql.opening import ends_login, next_step

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.proxy.dialogue import Wire
    from aws_advanced_python_wrapper.local.proxy.postgresql.opening import Step

_TAIL = 6


class PostgresqlDialogue:
    """Answers the packets before the login, and notices the end of the login."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._opening = b""
        self._passing = False
        self._logging_in = True
        self._tail = b""

    def from_client(self, data: bytes) -> None:
        """Answer the opening, and pass on what follows."""
        if self._passing:
            self._wire.send_server(data)
            return
        self._opening += data
        while self._opening and not self._passing:
            step = next_step(
                self._opening,
                offers_tls=self._wire.offers_tls,
                requires_tls=self._wire.requires_tls,
                encrypted=self._wire.encrypted,
            )
            if step is None:
                return
            self._follow(step)

    def from_server(self, data: bytes) -> None:
        """Pass on everything."""
        if self._logging_in:
            self._tail = (self._tail + data)[-_TAIL:]
            if ends_login(self._tail):
                self._logging_in = False
                self._wire.logged_in()
        self._wire.send_client(data)

    def _follow(self, step: Step) -> None:
        rest, self._opening = self._opening[step.used :], b""
        if step.refused:
            self._wire.refuse(step.reply)
            return
        if step.reply:
            self._wire.send_client(step.reply)
        if step.start_tls:
            self._wire.start_tls(rest)
        elif step.passed:
            self._passing = True
            self._wire.send_server(rest)
        else:
            self._opening = rest
