"""A client's login: the greeting, TLS, and the proof of who it is."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql import passwords
from aws_advanced_python_wrapper.local.proxy.mysql.packets import (
    ERROR,
    MORE_DATA,
    OK,
    SWITCH,
    Capability,
    Greeting,
    Packet,
    error,
    switch_scramble,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.proxy.dialogue import Wire
    from aws_advanced_python_wrapper.local.proxy.mysql.token_login import TokenLogin

_SSL_REQUEST = 32  # bytes: the beginning of a client's answer to the greeting
_FULL_AUTHENTICATION = bytes([MORE_DATA, 4])
_KEY_REQUEST = b"\x02"
_NO_TLS = (3159, "HY000", "Connections using insecure transport are prohibited while --require_secure_transport=ON.")


class Login:
    """Authentication, which is between client and server; the proxy counts the packets that only one of them sees.

    It begins after the client's answer to the greeting, or after its wish to be another user. `lead` is how far
    the client's sequence is ahead of the server's. `tell` speaks to the client. Where the server's first word is that
    it lets the client in, it is `ask_for_token` that goes on, if there are users of IAM.
    """

    hears_client = True

    def __init__(
        self,
        wire: Wire,
        tell: Callable[[bytes], None],
        scramble: bytes,
        lead: int = 0,
        ask_for_token: Callable[[Packet], TokenLogin | None] | None = None,
    ) -> None:
        self._wire = wire
        self._tell = tell
        self._scramble = scramble
        self._lead = lead
        self._ask_for_token = ask_for_token
        self._wants_password = False
        self._has_key = False

    def from_server(self, packet: Packet) -> Login | TokenLogin | None:
        """Pass on a packet; with the server's verdict the login is over."""
        ask_for_token, self._ask_for_token = self._ask_for_token, None
        if packet.kind == OK and ask_for_token is not None:
            return ask_for_token(packet.moved(self._lead))
        self._wants_password = packet.body == _FULL_AUTHENTICATION
        if packet.kind == SWITCH:
            self._scramble = switch_scramble(packet.body)
        self._tell(packet.moved(self._lead).to_bytes())
        if packet.kind == OK:
            self._wire.logged_in()
        return None if packet.kind in (OK, ERROR) else self

    def from_client(self, packet: Packet) -> Login:
        """Pass on a packet, or answer the question for a key."""
        if self._has_key:
            self._has_key = False
            packet = Packet(packet.sequence, passwords.reveal(packet.body, self._scramble))
        elif self._wants_password and packet.body == _KEY_REQUEST and not self._wire.encrypted:
            self._has_key = True
            self._lead += 2
            key = bytes([MORE_DATA]) + passwords.public_key()
            self._tell(Packet(packet.sequence, key).moved(1).to_bytes())
            return self
        self._wire.send_server(packet.moved(-self._lead).to_bytes())
        return self


class Opening:
    """The server's greeting and the client's answer to it, with a change to TLS in between.

    `log_in` sends the server the answer, and begins the login that follows.
    """

    def __init__(
        self, wire: Wire, want_tls: Callable[[], None], log_in: Callable[[Packet, Capability, bytes, int], Login]
    ) -> None:
        self._wire = wire
        self._want_tls = want_tls
        self._log_in = log_in
        self._scramble = b""
        self.hears_client = False

    def from_server(self, packet: Packet) -> Opening | None:
        """Offer the client what proxy and server can do together."""
        greeting = Greeting.parse(packet.body)
        if greeting is None or self.hears_client:  # an error, of which the connection ends
            self._wire.send_client(packet.to_bytes())
            return None
        self._scramble = greeting.scramble
        self.hears_client = True
        offer = greeting.capabilities & ~(Capability.SSL | Capability.ZSTD)
        if self._wire.offers_tls:
            offer |= Capability.SSL
        self._wire.send_client(Packet(packet.sequence, greeting.offering(offer)).to_bytes())
        return self

    def from_client(self, packet: Packet) -> Opening | Login:
        """Begin TLS, or pass on the client's answer."""
        flags = Capability(int.from_bytes(packet.body[:4], "little"))
        if len(packet.body) == _SSL_REQUEST and self._wire.offers_tls and not self._wire.encrypted:
            self._want_tls()
            return self
        if self._wire.requires_tls and not self._wire.encrypted:
            self._wire.refuse(error(packet.sequence + 1, *_NO_TLS).to_bytes())
            return self
        # The server knows nothing of TLS and compression, nor of the packet that has asked for TLS.
        lead = 1 if self._wire.encrypted else 0
        answer = struct.pack("<I", flags & ~(Capability.SSL | Capability.COMPRESS)) + packet.body[4:]
        return self._log_in(Packet(packet.sequence, answer).moved(-lead), flags, self._scramble, lead)
