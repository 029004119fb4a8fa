"""A wire for the dialogue of a MySQL client and its server, without sockets, and the packets of a login."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.dialogue import MysqlDialogue
from aws_advanced_python_wrapper.local.proxy.mysql.face import MysqlFace
from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability, Packet

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts

OTHERS = Capability(1 << 9 | 1 << 19)  # protocol 4.1, authentication by plugins
OFFERED = OTHERS | Capability.ZSTD | Capability.COMPRESS | Capability.SSL
SCRAMBLE = b"12345678abcdefghijkl"
OK = b"\0\0\0\2\0\0\0"
ASK_AURORA = b"SELECT @@aurora_server_id"
ANSWERED = b"SELECT 'one' AS `@@aurora_server_id`"


class RecordingWire:
    """Keeps what is sent; TLS is only noted, and its bytes are plain."""

    def __init__(self, *, offers_tls: bool = True, requires_tls: bool = False, accepts: Accepts | None = None) -> None:
        self.offers_tls, self.requires_tls, self.encrypted = offers_tls, requires_tls, False
        self.client, self.server = b"", b""
        self.logins = 0
        self.refused = False
        self.dialogue = MysqlDialogue(self, MysqlFace.aurora("one", "3", "here.hosts"), accepts)

    def send_client(self, data: bytes) -> None:
        self.client += data

    def send_server(self, data: bytes) -> None:
        self.server += data

    def start_tls(self, rest: bytes) -> None:
        self.encrypted = True
        if rest:
            self.dialogue.from_client(rest)

    def refuse(self, reply: bytes) -> None:
        self.client += reply
        self.refused = True

    def logged_in(self) -> None:
        self.logins += 1

    def heard_by_client(self) -> bytes:
        heard, self.client = self.client, b""
        return heard

    def heard_by_server(self) -> bytes:
        heard, self.server = self.server, b""
        return heard


def packet(sequence: int, body: bytes) -> bytes:
    return Packet(sequence, body).to_bytes()


def greeting(capabilities: int = OFFERED) -> bytes:
    flags = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
    body = b"\x0a9.7.0\0" + struct.pack("<I", 7) + SCRAMBLE[:8] + b"\0" + flags[0] + b"\xff\2\0" + flags[1]
    return body + b"\x15" + bytes(10) + SCRAMBLE[8:] + b"\0caching_sha2_password\0"


def answer(capabilities: int = OTHERS) -> bytes:
    return struct.pack("<IIB", capabilities, 1 << 24, 255) + bytes(23) + b"admin\0\x01x"


def ssl_request(capabilities: int = OTHERS) -> bytes:
    return answer(capabilities | Capability.SSL)[:32]


def logged_in(capabilities: int = OTHERS, *, tls: bool = False) -> RecordingWire:
    wire = RecordingWire()
    wire.dialogue.from_server(packet(0, greeting()))
    if tls:
        wire.dialogue.from_client(packet(1, ssl_request()))
    wire.dialogue.from_client(packet(2 if tls else 1, answer(capabilities)))
    wire.dialogue.from_server(packet(2, OK))
    assert wire.logins == 1
    wire.heard_by_client()
    wire.heard_by_server()
    return wire
