"""One of the two sockets of a proxied connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

from aws_advanced_python_wrapper.local.proxy.way import End

if TYPE_CHECKING:
    from collections.abc import Callable

# Closing with "linger for 0 seconds" sends RST instead of FIN.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """A socket that reports what it meets to the link it belongs to."""

    def __init__(
        self,
        made: Callable[[], None],
        received: Callable[[bytes], None],
        ended: Callable[[End], None],
        full: Callable[[bool], None],
    ) -> None:
        self._made = made
        self._received = received
        self._ended = ended
        self._full = full
        self._holds: set[str] = set()
        self._reading = False
        self.transport: asyncio.Transport | None = None
        self.lost = False

    def hold(self, reason: str, held: bool) -> None:
        """Stop reading for a reason, or lift that reason; reading goes on when none is left."""
        if held == (reason in self._holds):
            return
        if held:
            self._holds.add(reason)
        else:
            self._holds.remove(reason)
        self._follow_holds()

    def write(self, data: bytes) -> None:
        """Send, unless the socket is gone."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def write_eof(self) -> None:
        """Tell the peer that nothing more comes."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """Close after what is written has been sent."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close at once with a TCP reset."""
        if self.transport is not None and not self.lost:
            connection = cast("socket.socket", self.transport.get_extra_info("socket"))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket that asyncio made."""
        self.transport = cast("asyncio.Transport", transport)
        # asyncio does so too, but not for a socket that was accepted by a listener made without a protocol number.
        connection = cast("socket.socket", transport.get_extra_info("socket"))
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._made()
        # In old Pythons a pause from inside connection_made() is undone by the start of reading after it.
        asyncio.get_running_loop().call_soon(self._begin_reading)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        self._received(data)

    def eof_received(self) -> bool:
        """Pass on that the peer sends no more, and stay open for what still goes to it."""
        self._ended(End.EOF)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on how the connection ended."""
        self.lost = True
        self._ended(End.CLOSED if error is None else End.RESET)

    def pause_writing(self) -> None:
        """Ask the source to wait: this socket takes no more."""
        self._full(True)

    def resume_writing(self) -> None:
        """Let the source go on."""
        self._full(False)

    def _begin_reading(self) -> None:
        self._reading = True
        self._follow_holds()

    def _follow_holds(self) -> None:
        if self.transport is None or self.lost or not self._reading:
            return
        if self._holds:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
