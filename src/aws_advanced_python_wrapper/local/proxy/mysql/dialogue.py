"""What a MySQL client and its server say to each other through the proxy: the server speaks first."""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.claim import Claim
from aws_advanced_python_wrapper.local.proxy.mysql.commands import Commands
from aws_advanced_python_wrapper.local.proxy.mysql.compression import Compression
from aws_advanced_python_wrapper.local.proxy.mysql.login import Login, Opening
from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability, Packet, PacketBuffer
from aws_advanced_python_wrapper.local.proxy.mysql.rewriting import Rewriter
from aws_advanced_python_wrapper.local.proxy.mysql.token_login import TokenLogin

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts, Wire
    from aws_advanced_python_wrapper.local.proxy.mysql.face import MysqlFace


class MysqlDialogue:
    """Offers TLS, and lets the server answer as the instance that its `face` describes.

    After the login the server's bytes pass as they are, and so do the client's, but for queries that ask for
    something of the face. The server must take passwords in the clear, as it does on its Unix socket. With `accepts`,
    users whom it lets in without a question are asked for IAM tokens.
    """

    def __init__(self, wire: Wire, face: MysqlFace | None = None, accepts: Accepts | None = None) -> None:
        self._wire = wire
        self._accepts = accepts
        self._client = PacketBuffer()
        self._server = PacketBuffer()
        self._login: Opening | Login | TokenLogin | None = Opening(wire, self._want_tls, self._log_in)
        self._rewrite = None if face is None else Rewriter(face)
        self._commands = Commands(wire.send_server, None)
        self._flags = Capability(0)
        self._compression: Compression | None = None
        self._wants_tls = False

    @property
    def holds(self) -> bool:
        """See `Dialogue`: a server that lets somebody in does not end the connection then."""
        return False

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client, out of TLS."""
        try:
            plain = data if self._compression is None else self._compression.unpack(data)
        except zlib.error:
            self._wire.refuse(b"")
            return
        self._hear(plain)

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server."""
        if self._login is None:
            self._answer(data)
            return
        self._server.feed(data)
        while self._login is not None and (packet := self._server.next()) is not None:
            self._login = self._login.from_server(packet)
        self._go_on()

    def _hear(self, plain: bytes) -> None:
        if self._login is None:
            self._commands.take(plain)
        else:
            self._client.feed(plain)
            self._go_on()

    def _go_on(self) -> None:
        """Hear the client as far as it is its turn, and end a login that is over."""
        while self._login is not None and self._login.hears_client and (packet := self._client.next()) is not None:
            self._login = self._login.from_client(packet)
            if self._wants_tls:
                self._wants_tls = False
                self._wire.start_tls(self._client.rest())  # which may call this again
        if self._login is None:
            self._end_login()

    def _end_login(self) -> None:
        compresses_from_now_on = self._compression is None and bool(self._flags & Capability.COMPRESS)
        if compresses_from_now_on:
            self._compression = Compression()
        if rest := self._server.rest():
            self._answer(rest)
        if rest := self._client.rest():
            (self.from_client if compresses_from_now_on else self._hear)(rest)

    def _answer(self, data: bytes) -> None:
        self._wire.send_client(data if self._compression is None else self._compression.pack(data))

    def _want_tls(self) -> None:
        self._wants_tls = True

    def _log_in(self, packet: Packet, flags: Capability, scramble: bytes, lead: int) -> Login:
        """Begin the first login."""
        self._flags = flags
        attributes = bool(flags & Capability.QUERY_ATTRIBUTES)
        self._commands = Commands(self._wire.send_server, self._rewrite, self._log_in_again, attributes)
        return self._begin(packet, Claim.of_answer(packet.body, flags), scramble, lead)

    def _log_in_again(self, packet: Packet, rest: bytes) -> None:
        self._login = self._begin(packet, Claim.of_change(packet.body, self._flags), b"", 0)
        if rest:
            self._hear(rest)

    def _begin(self, packet: Packet, claim: Claim, scramble: bytes, lead: int) -> Login:
        ask_for_token = None
        if self._accepts is not None:
            packet = Packet(packet.sequence, claim.disarmed())
            ask_for_token = partial(self._ask_for_token, self._accepts, claim)
        self._wire.send_server(packet.to_bytes())
        return Login(self._wire, self._answer, scramble, lead, ask_for_token)

    def _ask_for_token(self, accepts: Accepts, claim: Claim, verdict: Packet) -> TokenLogin | None:
        return TokenLogin(self._wire, self._answer, accepts, claim, verdict).begin()
