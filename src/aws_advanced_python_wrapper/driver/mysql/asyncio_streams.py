"""What asyncio's streams have to tell of a connection, without reading from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def socket_number(writer: asyncio.StreamWriter | None) -> int:
    """Return the number of the socket under a stream, TLS or not; raises OSError where there is none any more."""
    found = None if writer is None else writer.get_extra_info("socket")
    if found is None or found.fileno() < 0:
        raise OSError("the connection is closed")
    return int(found.fileno())


def is_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Tell whether the loop has seen the stream's end."""
    return writer.transport.is_closing() or reader.at_eof() or reader.exception() is not None
