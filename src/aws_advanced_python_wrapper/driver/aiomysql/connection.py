"""The connections of aiomysql: the driver's own, which tell more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiomysql
from pymysql.connections import MysqlPacket

from aws_advanced_python_wrapper.driver.aiomysql.over_tls import refuse_without_tls
from aws_advanced_python_wrapper.driver.aiomysql.remembering import RememberingAiomysql
from aws_advanced_python_wrapper.driver.awaitables import result_of
from aws_advanced_python_wrapper.driver.mysql.asyncio_streams import is_over, leave_to_parent
from aws_advanced_python_wrapper.driver.mysql.cursors import note_connection, noted_connection
from aws_advanced_python_wrapper.driver.mysql.session import AUTOCOMMIT, IN_TRANSACTION
from aws_advanced_python_wrapper.driver.mysql.time_limit import CANNOT_CONNECT, message
from aws_advanced_python_wrapper.driver.preceding import preceded

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable, Mapping

_STATUS_AT_END = slice(3, 5)  # where the packet that ends rows has it, after its kind and the number of warnings


def timed_out(arguments: Mapping[str, Any], seconds: float) -> Exception:
    """Return the driver's error for a host that has let nobody in for so many seconds."""
    return aiomysql.OperationalError(CANNOT_CONNECT, message(arguments, seconds))  # type: ignore[no-any-return]


class Guarded(RememberingAiomysql):
    """Goes before the driver's class of connections."""

    timed_out = staticmethod(timed_out)
    server_status = AUTOCOMMIT
    """The server's status flags."""
    when_opened: Callable[[Any], None] | None = None
    """What is to be called with the connection when it has opened again."""
    only_over_tls = False
    """Whether the password is a token."""

    _login_stream: asyncio.StreamWriter | None = None

    _loop: asyncio.AbstractEventLoop
    _reader: asyncio.StreamReader | None
    _writer: asyncio.StreamWriter | None
    _result: Any
    _ssl_context: ssl.SSLContext | None
    _ensure_alive: Callable[[], None]
    decoders: Any
    use_unicode: bool

    if TYPE_CHECKING:
        cursor: Callable[..., Any]

    @property
    def transaction_status(self) -> int:
        """Whether a transaction is open, as the server said last."""
        return self.server_status & IN_TRANSACTION

    @property
    def wire(self) -> asyncio.StreamWriter | None:
        """The stream; another one after each reconnect, None before the first and after the last."""
        return self._writer

    def is_over(self) -> bool:
        """Tell whether the connection has ended, as far as the loop knows."""
        return self._writer is None or self._reader is None or is_over(self._reader, self._writer)

    def is_between_statements(self) -> bool:
        """Tell whether no rows are on their way."""
        return self._result is None or not (self._result.unbuffered_active or self._result.has_next)

    async def _connect(self) -> None:
        self.drop()
        try:
            await super()._connect()
        except BaseException:
            self._writer = self._writer or self._login_stream
            self.drop()
            raise
        finally:
            self._login_stream = None
        if self.when_opened is not None:
            self.when_opened(self)

    async def _request_authentication(self) -> None:
        try:
            if self.only_over_tls:
                refuse_without_tls(self, self._ssl_context)
            await super()._request_authentication()  # type: ignore[misc]
        finally:
            self._login_stream = self._writer  # the driver forgets it where opening fails

    async def _read_packet(self, packet_type: type[MysqlPacket] = MysqlPacket) -> Any:
        self._ensure_alive()  # else whoever reads rows gets an AttributeError when the connection is lost or closed
        # The driver forgets what the server says at the end of rows: that a transaction has begun, for example.
        packet = await super()._read_packet(packet_type)  # type: ignore[misc]
        if packet.is_eof_packet():
            self.server_status = int.from_bytes(packet.get_all_data()[_STATUS_AT_END], "little")
        return packet

    def _write_bytes(self, data: bytes) -> None:
        # Reading, which comes next, tells that the stream has ended. With uvloop writing does, by an error of its own.
        if self._writer is None or not self._writer.transport.is_closing():
            super()._write_bytes(data)  # type: ignore[misc]

    def close(self) -> None:
        """Close the streams without waiting: with TLS they would stay open until the server says farewell too."""
        leave_to_parent(self)
        writer = self._writer
        super().close()  # type: ignore[misc]
        if writer is not None and not self._loop.is_closed():
            self._loop.call_soon(writer.transport.abort)  # what was written before goes out first

    def drop(self) -> None:
        """End the connection at once, without a word to the server."""
        leave_to_parent(self)
        if self._writer is not None:
            self._writer.transport.abort()
        self.close()

    def __del__(self) -> None:
        """Close it as the driver does, which complains of it; one that was inherited is the parent's to close."""
        if leave_to_parent(self):
            self.drop()
        super().__del__()  # type: ignore[misc]

    def cursor_now(self, *cursors: Any) -> Any:
        """Make a cursor, where the driver makes an awaitable."""
        cursor = result_of(self.cursor(*cursors))
        note_connection(cursor, self)
        return cursor

    def cursor_though_lost(self, *cursors: Any) -> Any:
        """Make a cursor whatever has become of the connection."""
        own = vars(self)
        own["_ensure_alive"] = _take_for_alive
        try:
            return self.cursor_now(*cursors)
        finally:
            del own["_ensure_alive"]

    async def ask(self, sql: str) -> Any:
        """Run a query without a cursor and return its rows, each value as the text that the server has sent."""
        converters, as_text = self.decoders, self.use_unicode
        self.decoders, self.use_unicode = {}, True
        try:
            await self.query(sql)
        finally:
            self.decoders, self.use_unicode = converters, as_text
        return self._result.rows or ()


CONNECTION: Any = preceded(aiomysql.Connection, Guarded)
"""What `aiomysql.connect` opens, and a little more."""


def guard(connection: Any) -> None:
    """Make a connection that a function of the program's has opened one of our classes."""
    if not isinstance(connection, Guarded):
        drivers: Any = type(connection)
        connection.__class__ = preceded(drivers, Guarded)
        connection.begin_notes()


def _take_for_alive() -> None:
    """Raise nothing."""


def connection_of(cursor: Any) -> Any:
    """Return the connection of a cursor, also when it is closed, which makes it forget that."""
    return noted_connection(cursor) or cursor.connection
