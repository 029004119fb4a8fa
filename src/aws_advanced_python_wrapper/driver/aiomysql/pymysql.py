"""The adapter for PyMySQL, of which aiomysql is made: for connections of our own, in threads."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pymysql

from aws_advanced_python_wrapper.driver.aiomysql.over_tls import OverTls
from aws_advanced_python_wrapper.driver.aiomysql.pymysql_arguments import (
    for_connection,
    names,
    objection_to_token,
)
from aws_advanced_python_wrapper.driver.aiomysql.session import AiomysqlSession
from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS
from aws_advanced_python_wrapper.driver.keepalive import keepalive_arguments
from aws_advanced_python_wrapper.driver.mysql.adapter import MysqlAdapter
from aws_advanced_python_wrapper.driver.mysql.time_limit import CANNOT_CONNECT, TimeLimit, message
from aws_advanced_python_wrapper.driver.unwrapping import drivers_own

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext
    from types import ModuleType

    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection, RawCursor, Rows, TransactionSource
    from aws_advanced_python_wrapper.properties import Settings

# aiomysql's arguments that PyMySQL has not, or that shape a program's own session.
_OF_SESSIONS = frozenset(
    {"echo", "auth_plugin", "cursorclass", "conv", "use_unicode", "init_command", "sql_mode", "charset", "local_infile"}
)


class PymysqlAdapter(AiomysqlSession, MysqlAdapter):
    """PyMySQL, with aiomysql's arguments."""

    code = "pymysql"
    package = "pymysql"
    connection_calls = frozenset()
    cursor_calls = frozenset()
    session_parameters = _OF_SESSIONS
    # Within a transaction a server's tables would never change.
    neutral_parameters = MappingProxyType({"autocommit": True})

    def __init__(self) -> None:
        super().__init__(pymysql.connect)

    @property
    def errors(self) -> ModuleType:
        """The package itself exports the exception classes of PEP 249."""
        module: ModuleType = pymysql
        return module

    @property
    def parameters(self) -> frozenset[str]:
        """Those of aiomysql."""
        return names()

    def blocking(self) -> PymysqlAdapter:
        """Return this adapter."""
        return self

    def options(self, settings: Settings) -> dict[str, Any]:
        """See `pymysql_arguments`."""
        return for_connection(settings.driver)

    def objection_to_token(self, options: Mapping[str, Any]) -> str | None:
        """See `pymysql_arguments`."""
        return super().objection_to_token(options) or objection_to_token(options)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Point the options at a host."""
        arguments = self.at_host(settings, host)
        arguments["database"] = arguments.pop("db", None)
        return {**arguments, **keepalive_arguments(settings), "host": host, "port": port}

    async def dial(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Limit the login too: the driver waits in it as long as a statement may take."""
        seconds = arguments["connect_timeout"]
        limits = dict.fromkeys(("read_timeout", "write_timeout"), seconds)
        given = {name: value for name, value in arguments.items() if name != ONLY_OVER_TLS}
        connect = OverTls if ONLY_OVER_TLS in arguments else self.connect
        raw = drivers_own(connect(**given, **limits, defer_connect=True), (pymysql.Connection,), "PyMySQL")
        limit = TimeLimit(seconds or math.inf, lambda: self.abort(raw))
        try:
            with io.alarm(seconds or math.inf, limit.ring):
                await io.call(raw.connect)
        except pymysql.Error as error:
            if limit.is_over:
                raise pymysql.OperationalError(CANNOT_CONNECT, message(arguments, seconds)) from error
            raise
        raw._read_timeout = raw._write_timeout = None  # noqa: SLF001 - there is no other way
        raw.decoders = {}
        return raw

    def tls(self, arguments: Mapping[str, Any]) -> SSLContext | None:
        """Only with a context of the program's own."""
        context: SSLContext | None = arguments.get("ssl")
        return context

    def wire(self, raw: RawConnection) -> Any:
        """The socket; None after a loss."""
        return raw._sock  # noqa: SLF001 - told nowhere else

    def socket_number(self, wire: Any) -> int:
        """Ask it."""
        if wire.fileno() < 0:
            raise OSError("the connection is closed")
        return int(wire.fileno())

    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Run it without cursor; what the server sends is text, as there are no converters."""
        await io.call(raw.query, sql)
        rows: Rows = raw._result.rows or ()  # noqa: SLF001 - a cursor would have nothing to add
        return rows

    async def close(self, io: DriverIo, raw: RawConnection, *, in_use: bool = False) -> None:
        """Close it without a farewell."""
        del io, in_use
        raw._force_close()  # noqa: SLF001 - there is no other way

    def server_status(self, raw: RawConnection) -> int:
        """Read the driver's own note."""
        flags: int = raw.server_status
        return flags

    def is_between_statements(self, raw: RawConnection) -> bool:
        """All rows are read as they come."""
        del raw
        return True

    def closed_twin(self, raw: RawConnection) -> RawConnection:
        """No pool has these connections."""
        raise NotImplementedError(raw)

    def transaction_source(self, raw: RawConnection) -> TransactionSource:
        """With autocommit no transaction is ever open."""
        del raw
        return _NoTransaction()

    def connection_of(self, owner: Any) -> RawConnection:
        """No cursor is ever made."""
        return owner

    def rows_are_local(self, raw: RawCursor) -> bool:
        """No cursor is ever made."""
        del raw
        return True

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell by the driver's class of all cursors."""
        return isinstance(value, pymysql.cursors.Cursor)


class _NoTransaction:
    transaction_status = 0
