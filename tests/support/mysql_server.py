"""As much of a MySQL server as lets clients in and answers their pings; it plays on one connection."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    import ssl

NONCE = b"12345678abcdefghijkl"
OTHER_NONCE = b"ABCDEFGHIJKLMNOPQRST"
OK = b"\0\0\0\2\0\0\0"
CACHED, PASSWORD_IS_NEEDED = b"\1\3", b"\1\4"
DENIED = b"\xff\x15\x04#28000Access denied"
TOO_MANY = b"\xff\x10\x04" + "Trop de clients, désolé".encode()
IDLE_FOR_TOO_LONG = b"\xff\xbf\x0f#HY000The client was disconnected"
SSL = 0x800
LONG = 0xFC
PING, QUIT = b"\x0e", b"\x01"


def packet(sequence: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def greeting(plugin: str, *, tls: bool) -> bytes:
    lower = 0x8200 | (SSL if tls else 0)
    fixed = struct.pack("<I8sxHBHHB10x", 7, NONCE[:8], lower, 255, 2, 0x28, 21)
    return b"\x0a9.7.4\0" + fixed + NONCE[8:] + b"\0" + plugin.encode() + b"\0"


def native(password: bytes, nonce: bytes) -> bytes:
    once = hashlib.sha1(password).digest()  # noqa: S324 - MySQL's own way
    mask = hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest()  # noqa: S324
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def cached(password: bytes, nonce: bytes) -> bytes:
    once = hashlib.sha256(password).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


class Client:
    """A server's end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.sequence = 0
        self.heard: list[bytes] = []

    def say(self, payload: bytes) -> None:
        self.connection.sendall(packet(self.sequence, payload))
        self.sequence += 1

    def hear(self) -> bytes:
        header = self._exactly(4)
        self.sequence = header[3] + 1
        self.heard.append(self._exactly(int.from_bytes(header[:3], "little")))
        return self.heard[-1]

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.connection, server_side=True)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not (more := self.connection.recv(count - len(data))):
                raise ConnectionResetError("the client has gone")
            data += more
        return data


@dataclass
class MysqlServer:
    """Lets a user in whose password is right, by one plugin, and answers pings.

    `switches` has it offer another plugin first; `is_cached` is caching_sha2_password's short way; `pings` is how many
    it answers.
    """

    user: bytes = b"app"
    password: bytes = b"secret"
    plugin: str = "caching_sha2_password"
    switches: bool = False
    is_cached: bool = True
    tls: ssl.SSLContext | None = None
    pings: int = -1

    def __post_init__(self) -> None:
        self.clients: list[Client] = []

    def __call__(self, connection: socket.socket) -> None:
        client = Client(connection)
        self.clients.append(client)
        try:
            self.let_in(client)
            self.answer_pings(client)
        finally:
            client.connection.close()

    def answer_pings(self, client: Client) -> None:
        pings = self.pings
        while client.hear() == PING:
            if pings:
                client.say(OK)
                pings -= 1

    def let_in(self, client: Client) -> None:
        client.say(greeting("other_password" if self.switches else self.plugin, tls=self.tls is not None))
        response = client.hear()
        if self.tls is not None:
            assert len(response) == 32, "no TLS was asked for"
            client.encrypt(self.tls)
            response = client.hear()
        user, _, rest = response[32:].partition(b"\0")
        at, length = (3, int.from_bytes(rest[1:3], "little")) if rest[0] == LONG else (1, rest[0])
        answer, nonce = rest[at : at + length], NONCE
        if self.switches:
            client.say(b"\xfe" + self.plugin.encode() + b"\0" + OTHER_NONCE + b"\0")
            answer, nonce = client.hear(), OTHER_NONCE
        right = user == self.user and self._is_right(client, answer, nonce)
        client.say(OK if right else DENIED)
        if not right:
            raise ConnectionAbortedError("denied")

    def __str__(self) -> str:
        how = [self.plugin, f"{len(self.password)} bytes", "switched" * self.switches, "TLS" * (self.tls is not None)]
        return " ".join(word for word in how if word)

    def _is_right(self, client: Client, answer: bytes, nonce: bytes) -> bool:
        if not self.password:
            return not answer
        if self.plugin == "mysql_native_password":
            return answer == native(self.password, nonce)
        if self.plugin != "caching_sha2_password":
            return answer == self.password + b"\0"
        if answer == cached(self.password, nonce) and self.is_cached:
            client.say(CACHED)
            return True
        client.say(PASSWORD_IS_NEEDED)
        return client.hear() == self.password + b"\0"
