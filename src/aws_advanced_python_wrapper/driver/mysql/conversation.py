"""The client's side of MySQL's protocol, as far as it takes to log in and to be answered; it has no socket itself.

The protocol is described in the MySQL Source Code Documentation, "MySQL Client/Server Protocol".
"""

from __future__ import annotations

import ssl
import struct
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.driver.mysql.login import cleartext, response

if TYPE_CHECKING:
    from collections.abc import Generator

    from aws_advanced_python_wrapper.driver.mysql.login import Login

# Capabilities of a client: the protocol as of 4.1, TLS, passwords that are hashed, plugins for that.
_LONG_PASSWORD, _PROTOCOL_41, _SECURE_CONNECTION, _PLUGIN_AUTH = 0x1, 0x200, 0x8000, 0x80000
_LENGTH_ENCODED_AUTH, _SSL = 0x200000, 0x800
_CAPABILITIES = _LONG_PASSWORD | _PROTOCOL_41 | _SECURE_CONNECTION | _PLUGIN_AUTH | _LENGTH_ENCODED_AUTH
_LONGEST_PACKET = 1 << 24
_UTF8 = 45

_OK, _ERROR, _SWITCH_PLUGIN, _MORE_DATA = 0x00, 0xFF, 0xFE, 0x01
_PASSWORD_IS_NEEDED = b"\x01\x04"

# Of a greeting, after the server's version: half a nonce, capabilities, the length of the nonce.
_GREETING = struct.Struct("<4x8sxH5xB10x")

_HEADER = 4
_QUIT, _PING = b"\x01", b"\x0e"
_RECEIVED_AT_ONCE = 16384


class ConversationOverError(Exception):
    """The server has said that it will not go on, or something that makes no sense."""


class Conversation:
    """Logs in, then asks the server for nothing but an answer, each time `ask` is called.

    Bytes for the server wait in `outgoing`; whoever sends them takes them away. `private` tells that nobody can listen,
    even without TLS.
    """

    def __init__(self, login: Login, *, private: bool) -> None:
        self.outgoing = bytearray()
        self.answered = False
        """Whether the server has let the user in, and owes no answer."""
        self._login = login
        self._private = private
        self._received = bytearray()
        self._sequence = 0
        self._tls: ssl.SSLObject | None = None
        self._unsent = bytearray()
        self._encrypted, self._encrypting = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._steps = self._talk()
        next(self._steps)

    def ask(self) -> None:
        """Ask for an answer, unless one is still owed."""
        if self.answered:
            self.answered = False
            self._command(_PING)

    def quit(self) -> None:
        """Say farewell, unless the server owes an answer."""
        if self.answered:
            self._command(_QUIT)

    def receive(self, data: bytes) -> None:
        """Take what the server has sent. Raises `ConversationOverError`, or OSError where TLS fails."""
        if self._tls is None:
            self._received += data
        else:
            self._encrypted.write(data)
            self._decrypt(self._tls)
        try:
            while (packet := self._packet()) is not None:
                self._steps.send(packet)
        except (IndexError, ValueError, struct.error) as error:
            raise ConversationOverError("the server speaks another language") from error

    # What is said

    def _talk(self) -> Generator[None, bytes, None]:
        """Deal with one packet after the other."""
        plugin, nonce, capabilities = _offered(_checked((yield)))
        if self._login.tls is not None:
            self._encrypt_if_offered(self._login.tls, offered=bool(capabilities & _SSL))
        is_encrypted = self._tls is not None
        private = self._private or is_encrypted
        answer = response(plugin, nonce, self._login.password, private=private)
        self._send(_handshake_response(self._login, plugin, answer, _SSL if is_encrypted else 0))
        yield from self._authenticate(private)
        while True:
            self.answered = True
            _checked((yield))

    def _encrypt_if_offered(self, context: ssl.SSLContext, *, offered: bool) -> None:
        if offered:
            self._send(_header(_CAPABILITIES | _SSL))
            self._start_tls(context)
        elif context.verify_mode is not ssl.CERT_NONE:
            raise ConversationOverError("the server offers no TLS, which is to be verified")

    def _authenticate(self, private: bool) -> Generator[None, bytes, None]:
        password = self._login.password
        while (packet := _checked((yield)))[0] != _OK:
            if packet[0] == _SWITCH_PLUGIN:
                name, _, nonce = packet[1:].partition(b"\0")
                self._send(response(name.decode(), nonce.removesuffix(b"\0"), password, private=private))
            elif packet == _PASSWORD_IS_NEEDED and private:
                self._send(cleartext(password))
            elif packet[0] != _MORE_DATA or packet == _PASSWORD_IS_NEEDED:
                raise ConversationOverError("the server wants what it cannot be told")

    # How it is sent

    def _command(self, text: bytes) -> None:
        self._sequence = 0
        self._send(text)

    def _send(self, payload: bytes) -> None:
        packet = len(payload).to_bytes(3, "little") + bytes([self._sequence]) + payload
        self._sequence += 1
        if self._tls is None:
            self.outgoing += packet
        else:
            self._unsent += packet
            self._encrypt(self._tls)

    def _packet(self) -> bytes | None:
        end = _HEADER + int.from_bytes(self._received[:3], "little")
        if len(self._received) < max(end, _HEADER + 1):
            return None
        self._sequence = (self._received[3] + 1) % 256
        packet = bytes(self._received[_HEADER:end])
        del self._received[:end]
        return packet

    def _start_tls(self, context: ssl.SSLContext) -> None:
        name = self._login.host if context.check_hostname else None
        self._tls = context.wrap_bio(self._encrypted, self._encrypting, server_hostname=name)

    def _encrypt(self, tls: ssl.SSLObject) -> None:
        try:
            tls.do_handshake()  # once it has been done this does nothing
            if self._unsent:
                del self._unsent[: tls.write(self._unsent)]
        except ssl.SSLWantReadError:
            pass
        finally:
            self.outgoing += self._encrypting.read()

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        self._encrypt(tls)
        try:
            while data := tls.read(_RECEIVED_AT_ONCE):
                self._received += data
        except ssl.SSLWantReadError:
            pass
        finally:
            self.outgoing += self._encrypting.read()


def _checked(packet: bytes) -> bytes:
    if packet[0] == _ERROR:
        raise ConversationOverError("the server refuses to go on")
    return packet


def _offered(greeting: bytes) -> tuple[str, bytes, int]:
    """Return the authentication plugin of a greeting, its nonce, and the server's capabilities, the lower half."""
    at = greeting.index(0, 1) + 1
    first, capabilities, length = _GREETING.unpack_from(greeting, at)
    at += _GREETING.size
    end = at + max(12, length - len(first) - 1)  # a zero follows
    plugin, _, _ = greeting[end + 1 :].partition(b"\0")
    return plugin.decode(), first + greeting[at:end], capabilities


def _header(capabilities: int) -> bytes:
    return struct.pack("<IIB23x", capabilities, _LONGEST_PACKET, _UTF8)


def _handshake_response(login: Login, plugin: str, answer: bytes, tls: int) -> bytes:
    return b"".join(
        [_header(_CAPABILITIES | tls), login.user.encode(), b"\0", _with_length(answer), plugin.encode(), b"\0"]
    )


def _with_length(data: bytes) -> bytes:
    """Return data with its length before it, as a number of one byte or of three."""
    short = 251
    length = bytes([len(data)]) if len(data) < short else b"\xfc" + len(data).to_bytes(2, "little")
    return length + data
