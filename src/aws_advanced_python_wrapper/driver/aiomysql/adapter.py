"""The adapter for aiomysql."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiomysql

from aws_advanced_python_wrapper.driver.aiomysql.connection import CONNECTION, Guarded, connection_of, guard, timed_out
from aws_advanced_python_wrapper.driver.aiomysql.pymysql import PymysqlAdapter
from aws_advanced_python_wrapper.driver.aiomysql.pymysql_arguments import (
    TYPED,
    for_connection,
    from_files,
    names,
    objection_to_token,
)
from aws_advanced_python_wrapper.driver.aiomysql.session import AiomysqlSession
from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS
from aws_advanced_python_wrapper.driver.keepalive import keepalive_arguments
from aws_advanced_python_wrapper.driver.mysql.asyncio_adapter import FAREWELL, AsyncMysqlAdapter
from aws_advanced_python_wrapper.driver.mysql.asyncio_streams import socket_number
from aws_advanced_python_wrapper.driver.unwrapping import drivers_own

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext
    from types import ModuleType

    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection, RawCursor, Rows
    from aws_advanced_python_wrapper.properties import Settings


_OPENS_OTHERS = (
    "the connect function: a token is sent over TLS only, which can be required of aiomysql.connect. Give that"
)


class AiomysqlAdapter(AiomysqlSession, AsyncMysqlAdapter):
    """aiomysql 0.2 and newer."""

    code = "aiomysql"
    package = "aiomysql"
    plain_methods = True
    closers = frozenset({"ensure_closed"})
    connection_calls = frozenset(
        {
            *("autocommit", "begin", "select_db", "show_warnings", "query", "next_result", "kill", "ping"),
            *("set_charset", "set_isolation_level"),
        }
    )
    cursor_calls = frozenset({"nextset", "scroll", "__anext__"})

    @property
    def errors(self) -> ModuleType:
        """The package itself exports PyMySQL's exception classes."""
        module: ModuleType = aiomysql
        return module

    @property
    def parameters(self) -> frozenset[str]:
        """Those of aiomysql's own function; the loop is the running one."""
        return names()

    @property
    def typed_parameters(self) -> Mapping[str, Parameter[Any]]:
        """See `pymysql_arguments`."""
        return TYPED

    def from_environment(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read the file that `read_default_file` names."""
        return from_files(given)

    def blocking(self) -> DriverAdapter:
        """Return an adapter for PyMySQL, of which aiomysql is made."""
        return PymysqlAdapter()

    def options(self, settings: Settings) -> dict[str, Any]:
        """See `pymysql_arguments`."""
        return for_connection(settings.driver)

    def objection_to_token(self, options: Mapping[str, Any]) -> str | None:
        """TLS can be required of connections only that are ours from the start."""
        objection = super().objection_to_token(options) or objection_to_token(options)
        return objection or (_OPENS_OTHERS if self.connect is not aiomysql.connect else None)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Point the options at a host."""
        arguments = self.at_host(settings, host)
        return {**arguments, **keepalive_arguments(settings), "host": host, "port": port}

    async def dial(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Limit the login as well: aiomysql limits the connecting only."""
        try:
            return await io.within(arguments["connect_timeout"], self._open(arguments), Guarded.drop)
        except TimeoutError as error:
            raise timed_out(arguments, arguments["connect_timeout"]) from error

    async def _open(self, arguments: Mapping[str, Any]) -> RawConnection:
        given = {name: value for name, value in arguments.items() if name != ONLY_OVER_TLS}
        if self.connect is aiomysql.connect:
            raw = CONNECTION(**given)
            raw.only_over_tls = ONLY_OVER_TLS in arguments
            await raw._connect()  # noqa: SLF001 - as aiomysql.connect does
        else:
            raw = drivers_own(await self.connect(**given), (aiomysql.Connection,), "aiomysql")
            guard(raw)
        raw.when_opened = self.note_socket
        return raw

    def tls(self, arguments: Mapping[str, Any]) -> SSLContext | None:
        """Only with a context of the program's own."""
        context: SSLContext | None = arguments.get("ssl")
        return context

    def socket_number(self, wire: Any) -> int:
        """Ask the stream."""
        return socket_number(wire)

    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Run it without cursor and converters."""
        del io
        if not raw.is_between_statements():
            raise aiomysql.InternalError(0, "there are rows that nobody has read")
        return await raw.ask(sql)  # type: ignore[no-any-return]

    async def set_autocommit(self, io: DriverIo, raw: RawConnection, value: bool) -> None:
        """By the driver's own method."""
        await io.call(raw.autocommit, value)

    def is_closed(self, raw: RawConnection) -> bool:
        """Ask the loop too."""
        return raw.is_over() or super().is_closed(raw)

    def is_between_statements(self, raw: RawConnection) -> bool:
        """No rows are on their way."""
        between: bool = raw.is_between_statements()
        return between

    async def leave(self, io: DriverIo, raw: RawConnection) -> None:
        """Say farewell, unless rows are on their way or it takes too long."""
        try:
            if raw.is_between_statements() and not raw.is_over():
                with suppress(*self.failures, OSError), io.alarm(FAREWELL, lambda: self.abort(raw)):
                    await raw.ensure_closed()
        finally:
            raw.drop()

    def closed_twin(self, raw: RawConnection) -> RawConnection:
        """Copy the object without its streams."""
        twin = object.__new__(type(raw))
        vars(twin).update(vars(raw), _reader=None, _writer=None)
        return twin

    def connection_of(self, owner: Any) -> RawConnection:
        """See `connection`."""
        return connection_of(owner) if self.is_raw_cursor(owner) else owner

    def rows_are_local(self, raw: RawCursor) -> bool:
        """Only the unbuffered cursors have not all rows."""
        return not isinstance(raw, aiomysql.SSCursor)

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell by the driver's class of all cursors."""
        return isinstance(value, aiomysql.Cursor)
