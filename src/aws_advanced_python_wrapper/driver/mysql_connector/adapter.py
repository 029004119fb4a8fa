"""The adapter for MySQL Connector/Python, blocking flavour: the C extension and pure Python."""

from __future__ import annotations

import math
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import mysql.connector
from mysql.connector.abstracts import MySQLCursorAbstract
from mysql.connector.cursor import MySQLCursorBuffered
from mysql.connector.pooling import PooledMySQLConnection

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.driver.keepalive import keepalive_arguments
from aws_advanced_python_wrapper.driver.mysql.adapter import MysqlAdapter
from aws_advanced_python_wrapper.driver.mysql.remembering import FLAGS
from aws_advanced_python_wrapper.driver.mysql.reopening import COURSE
from aws_advanced_python_wrapper.driver.mysql.time_limit import TimeLimit
from aws_advanced_python_wrapper.driver.mysql_connector import client_library, connection_arguments
from aws_advanced_python_wrapper.driver.mysql_connector.connection_class import (
    class_of,
    connection_of,
    follow,
    opener,
)
from aws_advanced_python_wrapper.driver.mysql_connector.discretion import keep_secrets_out_of_logs
from aws_advanced_python_wrapper.driver.mysql_connector.opening import Opening, timed_out
from aws_advanced_python_wrapper.driver.mysql_connector.pool import (
    end_those,
    follow_idle,
    idle,
    itself,
    leave_to_parent,
    lent_as,
    note_lent,
    put_another,
    renew_password,
    take_back,
)
from aws_advanced_python_wrapper.driver.mysql_connector.query import (
    ExtensionsNote,
    NotConnected,
    Note,
    ask,
    ask_extension,
    is_extensions,
)
from aws_advanced_python_wrapper.driver.mysql_connector.session import BlockingConnectorSession
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection, RawCursor, Rows, TransactionSource
    from aws_advanced_python_wrapper.properties import Settings

_FAREWELL = 5.0  # s; how long closing a connection may take

_LOST_IT_SEEMS = 2055  # MySQL's client error CR_SERVER_LOST_EXTENDED

_TELLS_NO_SOCKETS = (
    "use_pure: this build of MySQL Connector/Python's C extension does not tell which sockets it has, so a host "
    "that is silent could not be left. Install the connector from PyPI, or connect with use_pure=True"
)

_OPENS_OTHERS = (
    "the connect function: a token is sent over TLS only, which can be required of mysql.connector.connect, "
    "CMySQLConnection or MySQLConnection. Give one of these"
)

_COMMANDS = (
    *("change_user", "debug", "init_db", "ping", "process_info", "process_kill", "query", "quit", "refresh"),
    *("reset_connection", "shutdown", "statistics", "stmt_close", "stmt_execute", "stmt_fetch", "stmt_prepare"),
    *("stmt_reset", "stmt_send_long_data"),
)

# What the driver has its socket in, and what is still true of a session that has ended.
_OF_SOCKETS = frozenset({"_cmysql", "_socket", "_cnx"})
_KEPT_AT_END = frozenset({"session_notes", FLAGS, COURSE})

_BUFFERED: tuple[type, ...] = (MySQLCursorBuffered,)
if mysql.connector.HAVE_CEXT:
    from mysql.connector.cursor_cext import CMySQLCursorBuffered

    _BUFFERED += (CMySQLCursorBuffered,)


class MysqlConnectorAdapter(BlockingConnectorSession, MysqlAdapter):
    """MySQL Connector/Python 8.1 and newer."""

    code = "mysql-connector-python"
    package = "mysql"
    getters = frozenset({"autocommit", "database", "sql_mode", "time_zone"})
    setters = getters | {"isolation_level"}
    connection_calls = frozenset(
        {
            *("connect", "reconnect", "disconnect", "shutdown", "start_transaction", "ping", "is_connected"),
            *("reset_session", "info_query", "consume_results", "get_row", "get_rows", "set_charset_collation"),
            *("next_result", "free_result", "get_self"),
            *(f"cmd_{name}" for name in _COMMANDS),
        }
    )
    cursor_calls = frozenset({"nextset", "reset", "fetchwarnings", "__next__"})
    row_sources = frozenset({"cmd_query_iter", "fetchsets", "stored_results"})
    session_parameters = connection_arguments.OF_SESSIONS
    # Within a transaction a server's tables would never change.
    neutral_parameters = MappingProxyType({"autocommit": True})

    def __init__(self, connect: Callable[..., Any]) -> None:
        super().__init__(connect)
        keep_secrets_out_of_logs()

    @property
    def errors(self) -> ModuleType:
        """The package itself exports the exception classes of PEP 249."""
        return mysql.connector

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What the C extension raises itself is none of PEP 249's."""
        return (mysql.connector.Error, *client_library.ERRORS)

    @property
    def parameters(self) -> frozenset[str]:
        """See `connection_arguments`."""
        return connection_arguments.names()

    @property
    def typed_parameters(self) -> Mapping[str, Parameter[Any]]:
        """See `connection_arguments`."""
        return connection_arguments.TYPED

    def from_environment(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read the option files."""
        return connection_arguments.from_files(given)

    def blocking(self) -> MysqlConnectorAdapter:
        """Return an adapter on the driver's connect function."""
        return MysqlConnectorAdapter(mysql.connector.connect)

    def options(self, settings: Settings) -> dict[str, Any]:
        """See `connection_arguments`."""
        return connection_arguments.for_connection(settings.driver)

    def objection_to_token(self, options: Mapping[str, Any]) -> str | None:
        """TLS can be required of connections only that are ours from the start."""
        objection = super().objection_to_token(options) or connection_arguments.objection_to_token(options)
        return objection or (_OPENS_OTHERS if class_of(self.connect, options) is None else None)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Point the options at a host; there is always a limit for connecting."""
        arguments = self.at_host(settings, host)
        if name := arguments.get("pool_name"):
            arguments["pool_name"] = connection_arguments.pool_name(name, host, port, arguments.get("user"))
        return {**_second_line(settings), **arguments, **keepalive_arguments(settings), "port": port}

    async def dial(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Open a connection, or have the driver's own pool lend one, and hear of it whenever it opens again."""
        renew_password(arguments)
        lying, opening, seconds = idle(arguments), Opening(), arguments["connect_timeout"] or math.inf
        leave_to_parent(lying)
        connect, options = opener(self.connect, arguments)
        limit = TimeLimit(seconds, opening.end)
        try:
            # Where the driver's pool asks one in vain whether it is alive, there is to be time for another one.
            with io.alarm(seconds / 2, lambda: end_those(lying, self.abort)), io.alarm(seconds, limit.ring):
                raw = await io.call(opening.open, connect, options)
        except Exception as error:
            if limit.is_over:
                raise timed_out(arguments, seconds) from error
            raise
        if limit.rang:
            with suppress(*self.failures):
                await self.close(io, raw)
            raise timed_out(arguments, seconds)
        if is_extensions(self.wire(raw)) and not client_library.tells_sockets():
            await io.call(self.itself(raw).close)
            raise AwsWrapperError(_TELLS_NO_SOCKETS)
        follow(self.itself(raw), self.note_socket)
        follow_idle(arguments, self.note_socket)
        note_lent(raw)
        return raw

    def itself(self, raw: RawConnection) -> Any:
        """See `pool`."""
        return itself(raw)

    def wire(self, raw: RawConnection) -> Any:
        """Return the extension's object, or pure Python's for the socket."""
        connection = itself(raw)
        return getattr(connection, "_cmysql", None) or getattr(connection, "_socket", None)

    def socket_number(self, wire: Any) -> int:
        """Ask the object."""
        if is_extensions(wire):
            return client_library.socket_number(wire)
        number = wire.sock.fileno() if wire.sock else -1
        if number < 0:
            raise OSError("the connection is closed")
        return int(number)

    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Ask below the cursors."""
        connection = itself(raw)
        if connection.unread_result:  # the driver would lose them
            raise mysql.connector.InternalError("Unread result found")
        function = ask_extension if is_extensions(self.wire(raw)) else ask
        rows: Rows = await io.call(function, connection, sql)
        return rows

    async def leave(self, io: DriverIo, raw: RawConnection) -> None:
        """Close a connection, or give it back to the driver's pool, unless it is lost or has rows on their way.

        The driver would read all the rows first, and wait for a silent host for ever.
        """
        if self.is_dropped(raw) or not self.is_between_statements(raw):
            self.abort(raw)
            await self.close(io, raw)
            return
        if isinstance(raw, PooledMySQLConnection):
            raw, sole = take_back(raw)
            if not sole:
                self.abort(raw)
                await self.close(io, raw, in_use=True)
                return
        with suppress(*self.failures), io.alarm(_FAREWELL, lambda: self.abort(raw)):
            await io.call(raw.close)

    async def close(self, io: DriverIo, raw: RawConnection, *, in_use: bool = False) -> None:
        """Close a connection that was aborted; one that is in use is freed when whoever uses it has left it."""
        connection = put_another(raw) if isinstance(raw, PooledMySQLConnection) else raw
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
            return NotConnected()
        return ExtensionsNote(itself(raw)) if is_extensions(wire) else Note(itself(raw))

    def is_between_statements(self, raw: RawConnection) -> bool:
        """Rows, and results after them, may be on their way."""
        connection = itself(raw)
        if connection is None:
            return True
        more = connection.more_results if is_extensions(self.wire(raw)) else connection.have_next_result
        return not (connection.unread_result or more)

    def closed_twin(self, raw: RawConnection) -> RawConnection:
        """Copy the object, without what the driver has the socket in and without what we note of that."""
        twin = object.__new__(type(raw))
        for name, value in vars(raw).items():
            if name in _OF_SOCKETS:
                setattr(twin, name, None)
            elif name in _KEPT_AT_END or name not in self.own_attributes:
                setattr(twin, name, value)
        return twin

    def connection_of(self, owner: Any) -> RawConnection:
        """Return what the program's connection has."""
        return lent_as(connection_of(owner) if isinstance(owner, MySQLCursorAbstract) else owner)

    def rows_are_local(self, raw: RawCursor) -> bool:
        """Buffered cursors read all rows when they execute."""
        return isinstance(raw, _BUFFERED)

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell by the driver's class of all cursors."""
        return isinstance(value, MySQLCursorAbstract)

    def classify(self, error: BaseException, raw: RawConnection | None = None) -> ErrorKind:
        """The C extension takes a connection for lost when it is given arguments of a wrong type."""
        kind = super().classify(error, raw)
        if kind is not ErrorKind.NETWORK or raw is None or getattr(error, "errno", None) != _LOST_IT_SEEMS:
            return kind
        return kind if self.is_closed(raw) or not is_extensions(self.wire(raw)) else ErrorKind.OTHER


def _second_line(settings: Settings) -> dict[str, int]:
    """Return the driver's own limits for single waits, where it has any, in case that ours should not come through."""
    seconds = settings[SOCKET_TIMEOUT]
    if seconds is None or not connection_arguments.takes("read_timeout"):
        return {}
    return dict.fromkeys(("read_timeout", "write_timeout"), math.ceil(seconds) + 1)
