"""One client connection through the proxy: its two sockets, two ways, and TLS on the client's side."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aws_advanced_python_wrapper.local.proxy.side import Side
from aws_advanced_python_wrapper.local.proxy.target import Target, dial
from aws_advanced_python_wrapper.local.proxy.tls import TlsEnd
from aws_advanced_python_wrapper.local.proxy.way import Conditions, End, Way

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.proxy.dialogue import Speaks


class Observer(Protocol):
    """The proxy, as its links see it."""

    target: Target
    speaks: Speaks
    tls: ssl.SSLContext | None
    tls_required: bool

    def logged_in(self, link: Link) -> None:
        """Note that the login of the link has succeeded."""

    def left(self, link: Link) -> None:
        """Note that the client has gone."""

    def ended(self, link: Link) -> None:
        """Note that both sockets of the link are closed."""

    def cut(self) -> None:
        """Note that a link reached its byte limit and was reset."""


class Link:
    """Carries bytes between one client and the server.

    The faults act between the client's socket and everything else, so the proxy's TLS and the server are
    together "the instance", and the fault is the network in front of it.
    """

    def __init__(self, observer: Observer, to_server: Conditions, to_client: Conditions) -> None:
        self._observer = observer
        self.client = Side(self._client_made, self._client_sent, self._client_ended, self._client_full)
        self._server = Side(self._server_made, self._server_sent, self._server_ended, self._server_full)
        self._to_server = Way(to_server, self._take, self._finish_server, partial(self.client.hold, "slow way"))
        self._to_client = Way(to_client, self._give, self._finish_client, partial(self._server.hold, "slow way"))
        self._frozen = to_server.frozen
        self._tls: TlsEnd | None = None
        self._dialogue = observer.speaks(self)
        self._early: list[bytes] = []
        self._dialing: asyncio.Task[object] | None = None
        self._gone = False
        self._abandoned = False
        self._late_end: End | None = None
        self.bytes_left: int | None = None

    @property
    def offers_tls(self) -> bool:
        """Whether the proxy has a certificate."""
        return self._observer.tls is not None

    @property
    def requires_tls(self) -> bool:
        """Whether clients without TLS are turned away."""
        return self._observer.tls_required

    @property
    def encrypted(self) -> bool:
        """Whether the client speaks TLS by now."""
        return self._tls is not None

    def change(self, to_server: Conditions, to_client: Conditions) -> None:
        """Follow new network conditions."""
        self._frozen = to_server.frozen
        self._to_server.change(to_server)
        self._to_client.change(to_client)
        self._dial()

    def reset(self) -> None:
        """Cut both sockets with a TCP reset."""
        self._to_server.drop()
        self._to_client.drop()
        self.client.reset()
        self._abandon_server()

    # The client's socket

    def _client_made(self) -> None:
        if self._abandoned:  # reset between being accepted and this
            self.client.reset()
            return
        self.client.hold("no server", True)
        self.client.hold("slow way", self._frozen)
        self._dial()

    def _client_sent(self, data: bytes) -> None:
        self._to_server.push(data)

    def _client_ended(self, end: End) -> None:
        if not self._gone:
            self._gone = True
            self._observer.left(self)
        self._to_server.end(end)
        self._check_ended()

    def _client_full(self, full: bool) -> None:
        self._server.hold("client full", full)

    def _take(self, data: bytes) -> None:
        """Take bytes of the client that crossed the network."""
        if self._tls is not None:
            data = self._decrypted(self._tls, data)
        if data and not self._abandoned:
            self._dialogue.from_client(data)
            self._end_late()
        if self._tls is not None and self._tls.peer_has_ended and not self._abandoned:
            self._finish_server(End.EOF)  # some clients wait for the answer before they close their socket

    def _decrypted(self, tls: TlsEnd, data: bytes) -> bytes:
        try:
            plain = tls.decrypt(data)
        except ssl.SSLError:
            self._to_client.push(tls.pending())
            self._to_client.end(End.CLOSED)
            self._abandon_server()
            return b""
        if answer := tls.pending():
            self._to_client.push(answer)
        return plain

    # What the dialogue does

    def send_client(self, data: bytes) -> None:
        """Send to the client, through TLS if that is spoken."""
        self._to_client.push(data if self._tls is None else self._tls.encrypt(data))

    def send_server(self, data: bytes) -> None:
        """Send to the server, as soon as it is there."""
        if self._server.transport is None:
            self._early.append(data)
            self.client.hold("no server", True)
        else:
            self._server.write(data)

    def start_tls(self, rest: bytes) -> None:
        """Take what the client sends from now on for TLS, beginning with the rest of what has come."""
        if self._observer.tls is not None:
            self._tls = TlsEnd(self._observer.tls)
            if rest:
                self._take(rest)

    def refuse(self, reply: bytes) -> None:
        """Send the client a last word and end the connection."""
        if reply:
            self.send_client(reply)
        self._say_goodbye()
        self._to_client.end(End.CLOSED)
        self._abandon_server()

    def logged_in(self) -> None:
        """Take note that the client's login has succeeded."""
        self._observer.logged_in(self)

    # The server's socket

    def _dial(self) -> None:
        if self._dialing is None and not self._frozen and not self._gone and self.client.transport is not None:
            self.client.hold("no server", False)
            self._dialing = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await dial(self._observer.target, lambda: self._server)
        except OSError:
            self.reset()  # the instance is up, its server is not

    def _server_made(self) -> None:
        for data in self._early:
            self._server.write(data)
        self._early.clear()
        self.client.hold("no server", False)

    def _server_sent(self, data: bytes) -> None:
        if not self._abandoned:
            self._dialogue.from_server(data)

    def _server_ended(self, end: End) -> None:
        self._late_end = end
        self._end_late()
        self._check_ended()

    def _end_late(self) -> None:
        """Pass on the server's end, once the client has been told all that came before it."""
        if self._late_end is None or self._abandoned or self._dialogue.holds:
            return
        end, self._late_end = self._late_end, None
        if end is not End.RESET:
            self._say_goodbye()
        self._to_client.end(end)

    def _say_goodbye(self) -> None:
        if self._tls is not None:
            self._to_client.push(self._tls.goodbye())

    def _server_full(self, full: bool) -> None:
        self.client.hold("server full", full)

    def _give(self, data: bytes) -> None:
        """Give the client bytes that crossed the network."""
        if self.bytes_left is None:
            self.client.write(data)
        elif len(data) < self.bytes_left:
            self.bytes_left -= len(data)
            self.client.write(data)
        else:
            self.client.write(data[: self.bytes_left])
            self.reset()
            self._observer.cut()

    # The end

    def _finish_server(self, end: End) -> None:
        """Let the server see how its client ended."""
        if self._server.transport is None or self._late_end is not None or end is End.RESET:
            self._abandon_server()
            self.client.close()
        elif end is End.CLOSED:
            self._server.close()
        else:
            self._server.write_eof()

    def _finish_client(self, end: End) -> None:
        """Let the client see how its server ended; a server that sends no more has ended."""
        if end is End.RESET:
            self.client.reset()
        else:
            self.client.close()

    def _abandon_server(self) -> None:
        self._abandoned = True
        if self._server.transport is not None:
            self._server.reset()
        elif self._dialing is not None:
            self._dialing.cancel()

    def _check_ended(self) -> None:
        if self.client.lost and (self._server.lost or self._server.transport is None):
            self._observer.ended(self)
