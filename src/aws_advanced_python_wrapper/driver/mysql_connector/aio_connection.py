"""The connections of `mysql.connector.aio`: the connector's own, which can be interrupted and tell more."""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mysql.connector import aio, errors

from aws_advanced_python_wrapper.driver.awaitables import result_of
from aws_advanced_python_wrapper.driver.mysql.asyncio_streams import is_over, leave_to_parent, socket_number
from aws_advanced_python_wrapper.driver.mysql.cursors import note_connection, noted_connection
from aws_advanced_python_wrapper.driver.mysql.remembering import AsyncRememberingConnection
from aws_advanced_python_wrapper.driver.mysql.session import AUTOCOMMIT, IN_TRANSACTION
from aws_advanced_python_wrapper.driver.mysql_connector.opening import timed_out
from aws_advanced_python_wrapper.driver.mysql_connector.over_tls import refuse_without_tls
from aws_advanced_python_wrapper.driver.preceding import preceded

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, MutableSet

OPENED = "_when_opened"
"""The attribute for what is to be called with a connection that has opened again."""

_LOST = 2055  # MySQL's client error CR_SERVER_LOST_EXTENDED


class Breaking:
    """Goes before the connector's classes of sockets: who is interrupted while using the stream breaks it off.

    The connector itself would take the answer to the interrupted statement for that to the next one.
    """

    _reader: asyncio.StreamReader
    _writer: Any
    _is_connected: bool
    _host: str
    address: str

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read a packet."""
        return await self._unless_interrupted(super().read(*args, **kwargs))  # type: ignore[misc]

    async def write(self, *args: Any, **kwargs: Any) -> Any:
        """Write a packet."""
        try:
            return await self._unless_interrupted(super().write(*args, **kwargs))  # type: ignore[misc]
        except RuntimeError as error:  # uvloop's own, where the stream has ended
            if self._writer is None or not self._writer.transport.is_closing():
                raise
            raise errors.OperationalError(errno=_LOST, values=(self.address, str(error))) from error

    async def switch_to_ssl(self, ssl_context: ssl.SSLContext) -> None:
        """Go on with TLS; where the host's name is to be checked, say which it is, as the connector forgets to."""
        switching = super().switch_to_ssl(ssl_context)  # type: ignore[misc]
        if ssl_context.check_hostname and self._writer is not None:
            switching.close()
            switching = self._writer.start_tls(ssl_context, server_hostname=self._host)
        try:
            await self._unless_interrupted(switching)
        except Exception:
            self.break_off()
            self._writer = None  # before Python 3.11 the connector would wait for ever for the end of such a stream
            raise

    def build_ssl_context(self, **options: Any) -> ssl.SSLContext:
        """Make one for all connections with the same options: to load the system's certificates holds the loop up."""
        files = [options.get(name) for name in ("ssl_ca", "ssl_cert", "ssl_key")]
        changed = [Path(file).stat().st_mtime_ns for file in files if file and Path(file).exists()]
        contexts = _contexts(repr((sorted(options.items()), changed)))
        if not contexts:
            contexts.append(super().build_ssl_context(**options))  # type: ignore[misc]
        return contexts[0]

    async def _unless_interrupted(self, step: Awaitable[Any]) -> Any:
        try:
            return await step
        except Exception:
            raise
        except BaseException:
            self.break_off()
            raise

    def break_off(self) -> None:
        """End the stream at once; whoever waits for it, or comes back to it, sees its end."""
        self._is_connected = False
        if self._writer is not None:
            self._writer.transport.abort()

    def number(self) -> int:
        """Return the socket's number; raises OSError where there is none."""
        return socket_number(self._writer)

    def is_over(self) -> bool:
        """Tell whether the stream has ended, as far as the loop knows."""
        return self._writer is None or not self._is_connected or is_over(self._reader, self._writer)


@lru_cache(maxsize=8)
def _contexts(options: str) -> list[ssl.SSLContext]:
    """Return the place for the context with these options, the same each time."""
    del options
    return []


class Guarded(AsyncRememberingConnection):
    """Goes before the connector's class of connections."""

    timed_out = staticmethod(timed_out)
    transaction_status = 0
    """Whether a transaction is open, as the server said last."""
    server_status = AUTOCOMMIT
    """The server's status flags."""
    only_over_tls = False
    """Whether the password is a token."""

    _handshake: Mapping[str, Any]
    _cursors: MutableSet[Any]
    _ssl_ca: Any
    _ssl_cert: Any
    _ssl_key: Any

    def _validate_connection_options(self) -> None:
        # The connector wants a certificate of the client's own too, where a file of authorities is given.
        authorities = self._ssl_ca
        if not (self._ssl_cert or self._ssl_key):
            self._ssl_ca = None
        super()._validate_connection_options()  # type: ignore[misc]
        self._ssl_ca = authorities

    @property
    def _socket(self) -> Any:
        return vars(self).get("_socket")

    @_socket.setter
    def _socket(self, value: Any) -> None:
        if value is not None and not isinstance(value, Breaking):
            drivers: Any = type(value)
            value.__class__ = preceded(drivers, Breaking)
        vars(self)["_socket"] = value

    async def _do_handshake(self) -> None:
        await super()._do_handshake()  # type: ignore[misc]
        if self.only_over_tls:
            refuse_without_tls(self._handshake)

    @property
    def wire(self) -> Any:
        """What owns the socket; another one after each reconnect, None before the first and after the last."""
        return self._socket

    def _handle_server_status(self, flags: int) -> None:
        super()._handle_server_status(flags)  # type: ignore[misc]
        self.server_status = flags
        self.transaction_status = flags & IN_TRANSACTION

    async def connect(self) -> None:
        """Open the connection, or open it again; the connector leaves what it has opened before to be collected."""
        self.drop()
        try:
            await super().connect()
        except BaseException:
            self.drop()
            raise
        if (opened := vars(self).get(OPENED)) is not None:
            opened(self)

    async def close(self) -> None:
        """End the cursors first, over a copy: up to 8.4 the connector goes through a set that they leave meanwhile.

        With rows on their way there is no farewell: all of them would have to be read before it. A connection that is
        lost needs none, and one that was inherited is left to the parent.
        """
        try:
            if not (leave_to_parent(self) or self.wire is None or self.wire.is_over() or self.unread_result):
                await self._say_farewell()
        finally:
            self.drop()

    disconnect = close

    async def shutdown(self) -> None:
        """End the connection without a word to the server."""
        self.drop()

    async def _say_farewell(self) -> None:
        with suppress(errors.Error, OSError):
            for cursor in tuple(self._cursors):
                await cursor.close()
        self._cursors.clear()
        with suppress(errors.Error, OSError):
            await super().close()  # type: ignore[misc]

    def drop(self) -> None:
        """End the connection at once, without a word to the server."""
        leave_to_parent(self)
        if self.wire is not None:
            self.wire.break_off()

    def __del__(self) -> None:
        """End a connection that nobody has closed: before Python 3.11 its stream would stay open with the loop."""
        unclosed = not (leave_to_parent(self) or self.wire is None or self.wire.is_over())
        with suppress(RuntimeError):  # the loop is closed
            self.drop()
        if unclosed:
            warnings.warn(f"Unclosed connection {self!r}", ResourceWarning, source=self, stacklevel=1)

    def cursor_now(self, *args: Any, **kwargs: Any) -> Any:
        """Make a cursor without waiting: rows that nobody has read are left to the cursor's first call."""
        unread = self.can_consume_results and self.unread_result
        if unread:
            self.unread_result = False
        try:
            cursor = result_of(self.cursor(*args, **kwargs))
        finally:
            if unread:
                self.unread_result = True
        note_connection(cursor, self)
        return cursor

    def cursor_though_lost(self, *args: Any, **kwargs: Any) -> Any:
        """Make a cursor, with the arguments of `cursor`, whatever has become of the connection."""
        wire, unread = self._socket, self.unread_result
        vars(self)["_socket"], self.unread_result = _Pretence, False
        try:
            return self.cursor_now(*args, **kwargs)
        finally:
            vars(self)["_socket"], self.unread_result = wire, unread

    if TYPE_CHECKING:
        cursor: Callable[..., Awaitable[Any]]
        can_consume_results: bool
        unread_result: bool


class _Pretence:
    """Stands for a socket that is open."""

    @staticmethod
    def is_connected() -> bool:
        return True


def guarded(connect: Callable[..., Any]) -> Any:
    """Return the guarded class of what a connect function opens, or of a class; None where it tells none."""
    connection_class = aio.MySQLConnection if connect is aio.connect else connect
    is_class = isinstance(connection_class, type) and issubclass(connection_class, aio.MySQLConnection)
    return preceded(connection_class, Guarded) if is_class else None


def guard(connection: Any) -> None:
    """Make a connection that a function of the program's has opened one of our classes."""
    if not isinstance(connection, Guarded):
        drivers: Any = type(connection)
        connection.__class__ = preceded(drivers, Guarded)
        connection._socket = connection.wire  # noqa: SLF001 - the setter makes it one of our classes too
        connection.begin_notes()


def connection_of(cursor: Any) -> Any:
    """Return the connection of a cursor, also when it is closed, which makes it forget that."""
    return noted_connection(cursor) or cursor._connection  # noqa: SLF001 - told nowhere else
