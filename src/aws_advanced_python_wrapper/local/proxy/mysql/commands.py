"""The client's commands after the login: a stream of packets, of which a few are read and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.attributes import text_at
from aws_advanced_python_wrapper.local.proxy.mysql.packets import HEADER, Packet

if TYPE_CHECKING:
    from collections.abc import Callable

_QUERY = 0x03
_CHANGE_USER = 0x11
_PREPARE = 0x16
# Nobody asks who an instance is in a longer query; longer ones pass in pieces, as they come.
_LONGEST = 16 * 1024


class Commands:
    """Passes on a client's packets.

    `rewrite` changes the text of queries and of statements to prepare; `change_user` goes on when the client asks to
    log in anew, from that packet, and what came behind it.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        rewrite: Callable[[bytes], bytes] | None,
        change_user: Callable[[Packet, bytes], None] | None = None,
        attributes: bool = False,
    ) -> None:
        self._send = send
        self._rewrite = rewrite
        self._change_user = change_user
        self._attributes = attributes
        self._data = bytearray()
        self._passing = 0
        self._continued = False

    def take(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._data += data
        while self._data and self._take_some():
            pass

    def _take_some(self) -> bool:
        """Pass on what can be passed on; tell whether more can be."""
        if self._passing:
            self._pass(min(self._passing, len(self._data)))
            return True
        if len(self._data) < HEADER:
            return False
        length, sequence = int.from_bytes(self._data[:3], "little"), self._data[3]
        is_command = sequence == 0 and not self._continued
        if is_command and 0 < length <= _LONGEST:
            return self._take_command(HEADER + length)
        # A file that is being loaded, or the rest of a long query: 255 is followed by 0 there too.
        self._continued = sequence == 255 and length > 0
        self._passing = HEADER + length
        return True

    def _take_command(self, end: int) -> bool:
        if len(self._data) <= HEADER:
            return False
        command = self._data[HEADER]
        if command == _CHANGE_USER and self._change_user is not None:
            return self._take_change_of_user(end)
        if command not in (_QUERY, _PREPARE) or self._rewrite is None:
            self._passing = end
            return True
        if len(self._data) < end:
            return False
        body = bytes(self._data[HEADER:end])
        del self._data[:end]
        self._send(Packet(0, self._rewritten(body, self._rewrite)).to_bytes())
        return True

    def _take_change_of_user(self, end: int) -> bool:
        if len(self._data) >= end and self._change_user is not None:
            packet, rest = Packet(0, bytes(self._data[HEADER:end])), bytes(self._data[end:])
            self._data.clear()
            self._change_user(packet, rest)
        return False

    def _rewritten(self, body: bytes, rewrite: Callable[[bytes], bytes]) -> bytes:
        try:
            at = text_at(body) if body[0] == _QUERY and self._attributes else 1
        except IndexError:  # the server says what is wrong with it
            return body
        return body[:at] + rewrite(body[at:])

    def _pass(self, size: int) -> None:
        self._send(bytes(self._data[:size]))
        del self._data[:size]
        self._passing -= size
