"""What a MySQL client and its server say to each other through the proxy: the server speaks first."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.commands import Commands
from aws_advanced_python_wrapper.local.proxy.mysql.compression import Compression
from aws_advanced_python_wrapper.local.proxy.mysql.login import Login, Opening
from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability, PacketBuffer
from aws_advanced_python_wrapper.local.proxy.mysql.rewriting import Rewriter

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.proxy.dialogue import Wire
    from aws_advanced_python_wrapper.local.proxy.mysql.face import MysqlFace


class MysqlDialogue:
    """Offers TLS, and lets the server answer as the instance that its `face` describes.

    After the login the server's bytes pass as they are, and so do the client's, but for queries that ask for
    something of the face. The server must take passwords in the clear, as it does on its Unix socket.

    A client that compresses without TLS can change its user (COM_CHANGE_USER) only to one who has logged in before,
    whom the server knows by a digest: then no password needs to be revealed, which within compression nobody does here.
    """

    def __init__(self, wire: Wire, face: MysqlFace | None = None) -> None:
        self._wire = wire
        self._client = PacketBuffer()
        self._server = PacketBuffer()
        self._login: Opening | Login | None = Opening(wire, self._want_tls, self._agreed)
        self._rewrite = None if face is None else Rewriter(face)
        self._commands = Commands(wire.send_server, None)
        self._compression: Compression | None = None
        self._wants_tls = False

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client, out of TLS."""
        if self._login is None:
            self._command(data)
        else:
            self._client.feed(data)
            self._hear_client()

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server."""
        if self._login is None:
            self._answer(data)
            return
        self._server.feed(data)
        while self._login is not None and (packet := self._server.next()) is not None:
            self._login = self._login.from_server(packet)
        if self._login is None:
            self._end_login()
        else:
            self._hear_client()

    def _hear_client(self) -> None:
        while self._login is not None and self._login.hears_client and (packet := self._client.next()) is not None:
            self._login = self._login.from_client(packet)
            if self._wants_tls:
                self._wants_tls = False
                self._wire.start_tls(self._client.rest())  # which may call this again

    def _end_login(self) -> None:
        if rest := self._server.rest():
            self._answer(rest)
        if rest := self._client.rest():
            self._command(rest)

    def _command(self, data: bytes) -> None:
        try:
            self._commands.take(data if self._compression is None else self._compression.unpack(data))
        except zlib.error:
            self._wire.refuse(b"")

    def _answer(self, data: bytes) -> None:
        self._wire.send_client(data if self._compression is None else self._compression.pack(data))

    def _want_tls(self) -> None:
        self._wants_tls = True

    def _agreed(self, capabilities: Capability) -> None:
        if capabilities & Capability.COMPRESS:
            self._compression = Compression()
        # In TLS, passwords need no help of ours.
        change_user = None if self._wire.encrypted or self._compression else self._log_in_again
        attributes = bool(capabilities & Capability.QUERY_ATTRIBUTES)
        self._commands = Commands(self._wire.send_server, self._rewrite, change_user, attributes)

    def _log_in_again(self, rest: bytes) -> None:
        self._login = Login(self._wire, b"")
        if rest:
            self.from_client(rest)
