"""PostgreSQL's dialogue: the client speaks first, and after its opening every byte passes as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.postgresql.opening import ends_login, next_step
from aws_advanced_python_wrapper.local.proxy.postgresql.token_gate import TokenGate

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts, Wire
    from aws_advanced_python_wrapper.local.proxy.postgresql.opening import Step

_TAIL = 6


class PostgresqlDialogue:
    """Answers the packets before the login, and notices the end of the login.

    With `accepts`, users whom the server lets in without a question are asked for IAM tokens.
    """

    def __init__(self, wire: Wire, accepts: Accepts | None = None) -> None:
        self._wire = wire
        self._gate = None if accepts is None else TokenGate(wire, self._tell_client, accepts)
        self._opening = b""
        self._passing = False
        self._logging_in = True
        self._tail = b""

    @property
    def holds(self) -> bool:
        """See `Dialogue`."""
        return self._gate is not None and self._gate.asks

    def from_client(self, data: bytes) -> None:
        """Answer the opening, and pass on what follows."""
        if self._passing:
            self._tell_server(data)
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
        """Pass on everything, as soon as the client may hear it."""
        if self._gate is None:
            self._tell_client(data)
        else:
            self._gate.from_server(data)

    def _tell_server(self, data: bytes) -> None:
        if self._gate is None:
            self._wire.send_server(data)
        else:
            self._gate.from_client(data)

    def _tell_client(self, data: bytes) -> None:
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
            self._tell_server(rest)
        else:
            self._opening = rest
