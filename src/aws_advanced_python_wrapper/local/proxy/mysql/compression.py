"""MySQL's compressed protocol, which a client may choose: frames around the packets of both sides."""

from __future__ import annotations

import zlib

_HEADER = 7
_LONGEST = 0xFFFFFF


class Compression:
    """Takes a client's frames apart, and puts what the server says into frames, which need not be compressed."""

    def __init__(self) -> None:
        self._data = bytearray()
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
        """Return frames that carry the server's bytes."""
        return b"".join(self._frame(data[at : at + _LONGEST]) for at in range(0, len(data), _LONGEST))

    def _frame(self, payload: bytes) -> bytes:
        header = len(payload).to_bytes(3, "little") + bytes([self._sequence % 256]) + bytes(3)
        self._sequence += 1
        return header + payload
