"""MySQL's compressed protocol, which a client may choose: frames around the packets of both sides."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.packets import PacketBuffer

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = 7
_LONGEST = 0xFFFFFF
_WORTH_IT = 50  # bytes; what is shorter a server does not compress, and one client takes such a frame for one packet


class Compression:
    """Takes a client's frames apart, and puts what the server says into frames."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._answers = PacketBuffer()
        self._sequence = 0

    def unpack(self, data: bytes) -> bytes:
        """Return what is in the frames that are complete by now; raises zlib.error when one is damaged."""
        self._data += data
        plain = []
        while len(self._data) >= _HEADER:
            end = _HEADER + int.from_bytes(self._data[:3], "little")
            if len(self._data) < end:
                break
            payload = bytes(self._data[_HEADER:end])
            is_compressed = any(self._data[4:_HEADER])
            self._sequence = self._data[3] + 1
            plain.append(zlib.decompress(payload) if is_compressed else payload)
            del self._data[:end]
        return b"".join(plain)

    def pack(self, data: bytes) -> bytes:
        """Return frames that carry the server's packets, as far as these are complete by now.

        A server puts whole packets into a frame, and clients rely on it: a packet may go on in one more frame only.
        """
        self._answers.feed(data)
        return b"".join(
            self._frame(payload[at : at + _LONGEST])
            for payload in self._payloads()
            for at in range(0, len(payload), _LONGEST)
        )

    def _payloads(self) -> Iterator[bytes]:
        payload = bytearray()
        while (packet := self._answers.next()) is not None:
            whole = packet.to_bytes()
            if len(payload) + len(whole) > _LONGEST:
                yield bytes(payload)
                payload.clear()
            payload += whole
        yield bytes(payload)

    def _frame(self, payload: bytes) -> bytes:
        is_long = len(payload) >= _WORTH_IT
        carried = zlib.compress(payload) if is_long else payload
        sizes = len(carried), len(payload) if is_long else 0
        sequence, self._sequence = self._sequence % 256, self._sequence + 1
        return sizes[0].to_bytes(3, "little") + bytes([sequence]) + sizes[1].to_bytes(3, "little") + carried
