"""MySQL's packets, as far as a proxy must understand them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag

HEADER = 4

OK = 0x00
MORE_DATA = 0x01
SWITCH = 0xFE
ERROR = 0xFF

_PROTOCOL = 10
_FIRST_SCRAMBLE = 8
_RESERVED = 11  # the length of the whole scramble, and ten bytes without a meaning
_SECOND_SCRAMBLE = 12


class Capability(IntFlag):
    """What client and server agree on in the opening."""

    CONNECT_WITH_DATABASE = 1 << 3
    COMPRESS = 1 << 5
    SSL = 1 << 11
    PLUGINS = 1 << 19
    LONG_PROOFS = 1 << 21
    ZSTD = 1 << 26
    QUERY_ATTRIBUTES = 1 << 27


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; its sequence number counts both sides' packets since the last command, modulo 256."""

    sequence: int
    body: bytes

    @property
    def kind(self) -> int:
        """The first byte of the body, -1 where there is none."""
        return self.body[0] if self.body else -1

    def moved(self, by: int) -> Packet:
        """Return the packet so many places later in the sequence."""
        return Packet((self.sequence + by) % 256, self.body)

    def to_bytes(self) -> bytes:
        """Return what goes over the wire."""
        return len(self.body).to_bytes(3, "little") + bytes([self.sequence]) + self.body


class PacketBuffer:
    """Bytes as they came, given out as packets."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self._data += data

    def next(self) -> Packet | None:
        """Take the next packet, or None while it is not complete."""
        if len(self._data) < HEADER:
            return None
        end = HEADER + int.from_bytes(self._data[:3], "little")
        if len(self._data) < end:
            return None
        packet = Packet(self._data[3], bytes(self._data[HEADER:end]))
        del self._data[:end]
        return packet

    def rest(self) -> bytes:
        """Take everything that has not been taken as a packet."""
        rest = bytes(self._data)
        self._data.clear()
        return rest


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first packet; `scramble` is what the client mixes its password with."""

    capabilities: Capability
    scramble: bytes
    _body: bytes
    _flags_at: int

    @classmethod
    def parse(cls, body: bytes) -> Greeting | None:
        """Read it; None stands for anything else, such as the error of a server that has too many clients."""
        if not body or body[0] != _PROTOCOL:
            return None
        first = body.index(0, 1) + 1 + 4  # after the version's text and the thread's number
        at = first + _FIRST_SCRAMBLE + 1
        low, _charset, _status, high = struct.unpack_from("<HBHH", body, at)
        second = at + 7 + _RESERVED
        scramble = body[first : first + _FIRST_SCRAMBLE] + body[second : second + _SECOND_SCRAMBLE]
        return cls(Capability(low | high << 16), scramble, body, at)

    def offering(self, capabilities: Capability) -> bytes:
        """Return the packet's body with other capabilities."""
        at = self._flags_at
        low, high = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
        return self._body[:at] + low + self._body[at + 2 : at + 5] + high + self._body[at + 7 :]


def switch_scramble(body: bytes) -> bytes:
    """Return the scramble in a request to switch to another way of authentication."""
    return body[body.find(0, 1) + 1 :].rstrip(b"\0")


def error(sequence: int, number: int, state: str, text: str) -> Packet:
    """Return a server's error."""
    return Packet(sequence % 256, struct.pack("<BH", ERROR, number) + b"#" + state.encode() + text.encode())
