"""The adapter for MySQL Connector/Python, blocking flavour: the C extension and pure Python."""

from __future__ import annotations

import math
from contextlib import suppress
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import mysql.connector
from mysql.connector.abstracts import MySQLCursorAbstract
from mysql.connector.cursor import MySQLCursorBuffered
from mysql.connector.errors import get_mysql_exception
from mysql.connector.pooling import PooledMySQLConnection

from aws_advanced_python_wrapper.cluster.endpoint import analyse
from aws_advanced_python_wrapper.driver import mysql_client_library, mysql_connector_arguments
from aws_advanced_python_wrapper.driver.keepalive import keepalive_arguments
from aws_advanced_python_wrapper.driver.mysql import MysqlAdapter
from aws_advanced_python_wrapper.driver.mysql_connection_class import follow, sharing_from_the_start
from aws_advanced_python_wrapper.driver.mysql_connector_pool import (
    end_those,
    idle,
    itself,
    lent_as,
    note_lent,
    put_another,
)
from aws_advanced_python_wrapper.driver.mysql_connector_session import BlockingConnectorSession
from aws_advanced_python_wrapper.driver.mysql_session import IN_TRANSACTION
from aws_advanced_python_wrapper.errors import UnsupportedOperationError
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from aws_advanced_python_wrapper.driver.adapter import DriverIo, RawConnection, RawCursor, Rows, TransactionSource
    from aws_advanced_python_wrapper.properties import Settings

_FAREWELL = 5.0  # s; how long closing a connection may take

_COMMANDS = (
    *("change_user", "debug", "init_db", "ping", "process_info", "process_kill", "query", "quit", "refresh"),
    *("reset_connection", "shutdown", "statistics", "stmt_close", "stmt_execute", "stmt_fetch", "stmt_prepare"),
    *("stmt_reset", "stmt_send_long_data"),
)

_BUFFERED: tuple[type, ...] = (MySQLCursorBuffered,)
if mysql.connector.HAVE_CEXT:
    from mysql.connector.cursor_cext import CMySQLCursorBuffered

    _BUFFERED += (CMySQLCursorBuffered,)


class MysqlConnectorAdapter(BlockingConnectorSession, MysqlAdapter):
    """MySQL Connector/Python 8.1 and newer."""

    code = "mysql-connector-python"
    package = "mysql"
    setters = getters = frozenset({"autocommit", "database", "sql_mode", "time_zone"})
    connection_calls = frozenset(
        {
            *("connect", "reconnect", "disconnect", "shutdown", "start_transaction", "ping", "is_connected"),
            *("reset_session", "info_query", "consume_results", "get_row", "get_rows", "set_charset_collation"),
            *("next_result", "free_result"),
            *(f"cmd_{name}" for name in _COMMANDS),
        }
    )
    cursor_calls = frozenset({"nextset", "reset", "fetchwarnings", "__next__"})
    row_sources = frozenset({"cmd_query_iter", "fetchsets", "stored_results"})
    session_parameters = mysql_connector_arguments.OF_SESSIONS
    # Within a transaction a server's tables would never change.
    neutral_parameters = MappingProxyType({"autocommit": True})

    @property
    def errors(self) -> ModuleType:
        """The package itself exports the exception classes of PEP 249."""
        return mysql.connector

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What the C extension raises itself is none of PEP 249's."""
        return (mysql.connector.Error, *mysql_client_library.ERRORS)

    @property
    def parameters(self) -> frozenset[str]:
        """See `mysql_connector_arguments`."""
        return mysql_connector_arguments.names()

    def from_environment(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read the option files."""
        return mysql_connector_arguments.from_files(given)

    def blocking(self) -> MysqlConnectorAdapter:
        """Return an adapter on the driver's connect function."""
        return MysqlConnectorAdapter(mysql.connector.connect)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Point the options at a host; there is always a limit for connecting."""
        arguments = mysql_connector_arguments.for_connection(settings.driver)
        if host != analyse(settings.host).host:
            arguments.pop("unix_socket", None)
            arguments["host"] = host
        if name := arguments.get("pool_name"):
            arguments["pool_name"] = mysql_connector_arguments.pool_name(name, host, port)
        return {**_second_line(settings), **arguments, **keepalive_arguments(settings), "port": port}

    async def dial(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Open a connection, or have the driver's own pool lend one, and hear of it whenever it opens again."""
        lying = idle(arguments)
        seconds = arguments["connect_timeout"] if lying else None
        with io.alarm(seconds or math.inf, lambda: end_those(lying, self.abort)):
            connect, options = sharing_from_the_start(self.connect, arguments)
            raw = await io.call(connect, **options)
        for connection in (self.itself(raw), *idle(arguments)):
            follow(connection, self.note_socket)
        note_lent(raw)
        return raw

    def itself(self, raw: RawConnection) -> Any:
        """See `mysql_connector_pool`."""
        return itself(raw)

    def wire(self, raw: RawConnection) -> Any:
        """Return the extension's object, or pure Python's for the socket."""
        connection = itself(raw)
        return getattr(connection, "_cmysql", None) or getattr(connection, "_socket", None)

    def socket_number(self, wire: Any) -> int:
        """Ask the object."""
        if _is_extensions(wire):
            return mysql_client_library.socket_number(wire)
        number = wire.sock.fileno() if wire.sock else -1
        if number < 0:
            raise OSError("the connection is closed")
        return int(number)

    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Ask below the cursors."""
        connection = itself(raw)
        if connection.unread_result:  # the driver would lose them
            raise mysql.connector.InternalError("Unread result found")
        ask = _ask_extension if _is_extensions(self.wire(raw)) else _ask
        rows: Rows = await io.call(ask, connection, sql)
        return rows

    async def leave(self, io: DriverIo, raw: RawConnection) -> None:
        """Close a connection, or give it back to the driver's pool, unless it is lost or has rows on their way.

        The driver would read all the rows first, and wait for a silent host for ever.
        """
        if self.is_dropped(raw) or not self.is_between_statements(raw):
            self.abort(raw)
            await self.close(io, raw)
            return
        with suppress(*self.failures), io.alarm(_FAREWELL, lambda: self.abort(raw)):
            await io.call(raw.close)

    async def close(self, io: DriverIo, raw: RawConnection, *, in_use: bool = False) -> None:
        """Close a connection that was aborted; one that is in use is freed when whoever uses it has left it."""
        connection = raw
        with suppress(*self.failures):
            if isinstance(raw, PooledMySQLConnection):
                connection = put_another(raw)
        if not in_use and connection is not None:
            await io.call(connection.close)

    def server_status(self, raw: RawConnection) -> int:
        """Return the flags."""
        flags: int = itself(raw)._server_status  # noqa: SLF001 - ours in pure Python, the driver's in the extension
        return flags

    def transaction_source(self, raw: RawConnection) -> TransactionSource:
        """Return an object that reads the driver's own note of the server's flags."""
        wire = self.wire(raw)
        if wire is None:
            return _NotConnected()
        return _ExtensionsNote(itself(raw)) if _is_extensions(wire) else _Note(itself(raw))

    def is_between_statements(self, raw: RawConnection) -> bool:
        """Rows, and results after them, may be on their way."""
        connection = itself(raw)
        if connection is None:
            return True
        more = connection.more_results if _is_extensions(self.wire(raw)) else connection.have_next_result
        return not (connection.unread_result or more)

    def closed_twin(self, raw: RawConnection) -> RawConnection:
        """Copy the object, without what the driver has the socket in."""
        twin = object.__new__(type(raw))
        vars(twin).update(vars(raw))
        for name in ("_cmysql", "_socket", "_cnx"):
            if name in vars(twin):
                setattr(twin, name, None)
        return twin

    def connection_of(self, owner: Any) -> RawConnection:
        """A cursor has a weak reference to its connection, under another name in some versions."""
        if isinstance(owner, MySQLCursorAbstract):
            found = getattr(owner, "_connection", None) or getattr(owner, "_cnx", None)
            owner = found and found.get_self()
        return lent_as(owner)

    def rows_are_local(self, raw: RawCursor) -> bool:
        """Buffered cursors read all rows when they execute."""
        return isinstance(raw, _BUFFERED)

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell by the driver's class of all cursors."""
        return isinstance(value, MySQLCursorAbstract)

    def cancel(self, raw: RawConnection) -> None:
        """Refuse: the driver has no way of its own."""
        del raw
        raise self.error(
            UnsupportedOperationError, "MySQL Connector/Python cannot cancel: run KILL QUERY on another connection."
        )


class _NotConnected:
    """No transaction is open without a connection."""

    transaction_status = 0


class _Note:
    """What pure Python notes after each answer."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    transaction_status = property(attrgetter("_connection._in_transaction"))


class _ExtensionsNote:
    """What the client library notes after each answer; after a loss it is 0."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def transaction_status(self) -> int:
        """1 in a transaction, else 0."""
        flags: int = self._connection._cmysql.st_server_status()  # noqa: SLF001 - `in_transaction` takes much longer
        return flags & IN_TRANSACTION


def _is_extensions(wire: Any) -> bool:
    return hasattr(wire, "st_server_status")


def _ask_extension(connection: Any, sql: str) -> Rows:
    asked, rows = connection._cmysql, []  # noqa: SLF001 - a cursor would take longer, and warn as the program wants it
    try:
        asked.query(sql.encode(), raw=True, buffered=True, raw_as_string=True)
        while asked.have_result_set and (row := asked.fetch_row()) is not None:
            rows.append(row)
        asked.free_result()
    except mysql_client_library.ERRORS as error:
        raise get_mysql_exception(error.errno, msg=error.msg, sqlstate=error.sqlstate) from error
    return rows


def _ask(connection: Any, sql: str) -> Rows:
    if "columns" not in connection.cmd_query(sql):
        return []
    rows = connection.get_rows(raw=True)[0]
    return [tuple(None if value is None else bytes(value).decode() for value in row) for row in rows]


def _second_line(settings: Settings) -> dict[str, int]:
    """Return the driver's own limits for single waits, where it has any, in case that ours should not come through."""
    seconds = settings[SOCKET_TIMEOUT]
    if seconds is None or not mysql_connector_arguments.takes("read_timeout"):
        return {}
    return dict.fromkeys(("read_timeout", "write_timeout"), math.ceil(seconds) + 1)
