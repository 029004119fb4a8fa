"""The login of a user of IAM, whom the server has let in without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.claim import CLEAR
from aws_advanced_python_wrapper.local.proxy.mysql.packets import SWITCH, Packet, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts, Wire
    from aws_advanced_python_wrapper.local.proxy.mysql.claim import Claim


class TokenLogin:
    """Holds the server's `verdict` until the client has shown a token; `tell` speaks to the client.

    `begin` asks for the token, unless the client has sent it unasked, or could not send it safely.
    """

    hears_client = True

    def __init__(
        self, wire: Wire, tell: Callable[[bytes], None], accepts: Accepts, claim: Claim, verdict: Packet
    ) -> None:
        self._wire = wire
        self._tell = tell
        self._accepts = accepts
        self._claim = claim
        self._verdict = verdict

    def begin(self) -> TokenLogin | None:
        """Return what goes on with the login; None where it is over."""
        if not self._wire.encrypted:
            self._accepts(self._claim.user, None)
            self._deny(is_empty=False)
        elif self._claim.token is not None:
            self._judge(self._claim.token)
        else:
            self._tell(Packet(self._verdict.sequence, bytes([SWITCH]) + CLEAR + b"\0").to_bytes())
            self._verdict = self._verdict.moved(2)
            return self
        return None

    def from_server(self, packet: Packet) -> TokenLogin:
        """Pass on a word that nobody expects now."""
        self._tell(packet.to_bytes())
        return self

    def from_client(self, packet: Packet) -> None:
        """Take the token."""
        self._judge(packet.body)

    def _judge(self, said: bytes) -> None:
        token = said.rstrip(b"\0")
        if self._accepts(self._claim.user, token.decode("utf-8", "replace")):
            self._tell(self._verdict.to_bytes())
            self._wire.logged_in()
        else:
            self._deny(is_empty=not token)

    def _deny(self, *, is_empty: bool) -> None:
        using = "NO" if is_empty else "YES"
        text = f"Access denied for user '{self._claim.user}'@'localhost' (using password: {using})"
        self._tell(error(self._verdict.sequence, 1045, "28000", text).to_bytes())
        self._wire.refuse(b"")
