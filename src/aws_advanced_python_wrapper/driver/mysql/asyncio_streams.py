"""What asyncio's streams have to tell of a connection, without reading from them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from aws_advanced_python_wrapper.driver.sockets import NotedSocket


def socket_number(writer: asyncio.StreamWriter | None) -> int:
    """Return the number of the socket under a stream, TLS or not; raises OSError where there is none any more."""
    found = None if writer is None else writer.get_extra_info("socket")
    if found is None or found.fileno() < 0:
        raise OSError("the connection is closed")
    return int(found.fileno())


def is_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Tell whether the loop has seen the stream's end."""
    return writer.transport.is_closing() or reader.at_eof() or reader.exception() is not None


def leave_to_parent(connection: Any) -> bool:
    """Unplug the socket of a connection that this process has inherited, and tell whether it has.

    To be called before its stream is closed: the socket stands in an epoll that is the parent's as well, and what one
    process takes out of that, the other hears no more of.
    """
    noted: NotedSocket | None = vars(connection).get("_noted_socket", (None, None))[1]
    if noted is None or not noted.is_inherited:
        return False
    with suppress(OSError):
        noted.leave_to_parent()
    return True
