"""What a thread opens: found where the driver is, as the driver's pool, or a function of the program's, may open it."""

from __future__ import annotations

import contextlib
import socket
import sys
from threading import get_ident
from typing import TYPE_CHECKING, Any

from mysql.connector import errors
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.pooling import PooledMySQLConnection

from aws_advanced_python_wrapper.driver.mysql.time_limit import CANNOT_CONNECT, message
from aws_advanced_python_wrapper.driver.mysql_connector import client_library
from aws_advanced_python_wrapper.driver.sockets import duplicate_socket
from aws_advanced_python_wrapper.driver.unwrapping import drivers_own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

_CONNECTIONS = (MySQLConnectionAbstract, PooledMySQLConnection)

_TIMED_OUT: type[errors.Error] = getattr(errors, "ConnectionTimeoutError", errors.OperationalError)


class Opening:
    """The connection that this thread opens, which other threads can end at any time."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def open(self, connect: Callable[..., Any], options: Mapping[str, Any]) -> Any:
        """Call the driver's function; raises `AwsWrapperError` for what is no connection of the driver's."""
        return drivers_own(connect(**options), _CONNECTIONS, "MySQL Connector/Python")

    def end(self) -> None:
        """Shut the socket down for which the thread waits, if there is one at the moment."""
        connection, waited_for = self._found()
        with contextlib.suppress(OSError):
            if getattr(connection, "_cmysql", None) is not None:
                _shut_down_extensions(connection._cmysql)  # noqa: SLF001 - there is no other way
            elif found := waited_for or getattr(getattr(connection, "_socket", None), "sock", None):
                # Not the method of TLS's own, which would take its state from whoever reads just then.
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    def _found(self) -> tuple[Any, socket.socket | None]:
        """Return the driver's connection of which the thread is inside a method, and Python's socket under that."""
        frame: FrameType | None = sys._current_frames().get(self._thread)  # noqa: SLF001 - its documented name
        waited_for = None
        while frame is not None and (owner := frame.f_locals.get("self")) is not self:
            if isinstance(owner, MySQLConnectionAbstract):
                return owner, waited_for
            if waited_for is None and isinstance(owner, socket.socket):
                waited_for = owner
            frame = frame.f_back
        return None, None


def timed_out(arguments: Mapping[str, Any], seconds: float) -> errors.Error:
    """Return the driver's error for a host that has let nobody in for so many seconds."""
    return _TIMED_OUT(errno=CANNOT_CONNECT, msg=message(arguments, seconds))


def _shut_down_extensions(extensions: Any) -> None:
    with duplicate_socket(_Numbered(extensions)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


class _Numbered:
    """An extension object as one that tells its socket."""

    def __init__(self, extensions: Any) -> None:
        self._extensions = extensions

    @property
    def socket(self) -> int:
        return client_library.socket_number(self._extensions)
