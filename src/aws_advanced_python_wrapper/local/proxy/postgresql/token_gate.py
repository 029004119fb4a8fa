"""Where users of IAM show their tokens: between a client and a server that lets such users in without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.postgresql.messages import fatal, names

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts, Wire

_AUTHENTICATION = ord("R")
_BEFORE_AUTHENTICATION = b"vN"  # another version of the protocol, a notice
_PASSWORD = ord("p")
_HEADER = 5
_AUTHENTICATED = b"R\0\0\0\x08\0\0\0\0"
_ASK_FOR_PASSWORD = b"R\0\0\0\x08\0\0\0\x03"
_SHORTEST_STARTUP, _LONGEST_STARTUP = 8, 10_000
_LONGEST_TOKEN = 65_535


class TokenGate:
    """Closed until the server asks for a proof itself, or the client has shown a token; `tell` speaks to the client.

    Meanwhile the server hears of the client nothing but its startup packet, and the client nothing of the session.
    """

    def __init__(self, wire: Wire, tell: Callable[[bytes], None], accepts: Accepts) -> None:
        self._wire = wire
        self._tell = tell
        self._accepts = accepts
        self._user = self._database = ""
        self._started = False
        self._client = b""
        self._server = b""
        self._is_open = False
        self.asks = False

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client, from its startup packet on."""
        self._client += data
        if self._is_open:
            self._let_through()
        elif self.asks:
            self._hear_token()
        elif not self._started and len(self._client) >= 4:
            self._start(int.from_bytes(self._client[:4], "big"))

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server."""
        self._server += data
        if self._is_open:
            self._let_through()
        while not self.asks and (end := _end_of_message(self._server)):
            message, kind = self._server[:end], self._server[0]
            if message == _AUTHENTICATED:
                self._ask()
            elif kind in _BEFORE_AUTHENTICATION:
                self._server = self._server[end:]
                self._tell(message)
            else:
                self._open()

    def _start(self, length: int) -> None:
        if not _SHORTEST_STARTUP <= length <= _LONGEST_STARTUP:  # the server refuses it itself
            self._open()
        elif len(self._client) >= length:
            startup, self._client = self._client[:length], self._client[length:]
            self._user, self._database = names(startup)
            self._started = True
            self._wire.send_server(startup)

    def _ask(self) -> None:
        self.asks = True
        if not self._wire.encrypted:
            self._accepts(self._user, None)
            who = f'user "{self._user}", database "{self._database}"'
            self._refuse(f'pg_hba.conf rejects connection for host "127.0.0.1", {who}, no encryption')
            return
        self._tell(_ASK_FOR_PASSWORD)
        self._hear_token()

    def _hear_token(self) -> None:
        if not self._client:
            return
        if self._client[0] != _PASSWORD:
            self._refuse(f"expected password response, got message type {self._client[0]}", "08P01")
            return
        if _length(self._client) > _LONGEST_TOKEN:
            self._refuse("invalid password packet size", "08P01")
        elif end := _end_of_message(self._client):
            token, self._client = self._client[_HEADER:end], self._client[end:]
            if self._accepts(self._user, token.rstrip(b"\0").decode("utf-8", "replace")):
                self._open()
            else:
                self._refuse(f'PAM authentication failed for user "{self._user}"')

    def _refuse(self, message: str, state: str = "28000") -> None:
        self._wire.refuse(fatal(message, state))

    def _open(self) -> None:
        self._is_open, self.asks = True, False
        self._let_through()

    def _let_through(self) -> None:
        for words, hear in ((self._server, self._tell), (self._client, self._wire.send_server)):
            if words:
                hear(words)
        self._server = self._client = b""


def _length(data: bytes) -> int:
    """Return the length that a message has by its own word, but for its kind; 0 while that is not there."""
    return int.from_bytes(data[1:_HEADER], "big") if len(data) >= _HEADER else 0


def _end_of_message(data: bytes) -> int:
    """Return where the first message ends; 0 while it is not complete."""
    length = _length(data)
    return 1 + length if 0 < length < len(data) else 0
