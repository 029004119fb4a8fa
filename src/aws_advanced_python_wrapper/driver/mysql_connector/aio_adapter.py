"""The adapter for MySQL Connector/Python's asyncio flavour."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import mysql.connector
from mysql.connector import errors

from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS
from aws_advanced_python_wrapper.driver.keepalive import keepalive_arguments
from aws_advanced_python_wrapper.driver.mysql.asyncio_adapter import FAREWELL, AsyncMysqlAdapter
from aws_advanced_python_wrapper.driver.mysql_connector.adapter import MysqlConnectorAdapter
from aws_advanced_python_wrapper.driver.mysql_connector.connection_arguments import (
    TYPED,
    for_connection,
    from_files,
    objection_to_token,
)
from aws_advanced_python_wrapper.driver.mysql_connector.discretion import keep_secrets_out_of_logs
from aws_advanced_python_wrapper.driver.mysql_connector.opening import timed_out
from aws_advanced_python_wrapper.driver.mysql_connector.session import AsyncConnectorSession
from aws_advanced_python_wrapper.driver.unwrapping import drivers_own
from aws_advanced_python_wrapper.errors import AwsWrapperError

try:
    from mysql.connector import aio
    from mysql.connector.aio.abstracts import MySQLConnectionAbstract, MySQLCursorAbstract
    from mysql.connector.aio.cursor import MySQLCursor, MySQLCursorBuffered

    from aws_advanced_python_wrapper.driver.mysql_connector.aio_connection import (
        OPENED,
        Guarded,
        connection_of,
        guard,
        guarded,
    )
except ImportError:
    raise AwsWrapperError(
        f"MySQL Connector/Python {mysql.connector.__version__} has no asyncio flavour: install 8.3.0 or newer, or "
        "connect with aiomysql.connect"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection, RawCursor, Rows
    from aws_advanced_python_wrapper.properties import Settings

# What `mysql.connector.aio.connect` deals with before there is a connection, and other names for what a connection
# takes. Pools of the connector's are not among them: asyncio connections have this driver's own.
_OF_CONNECT = frozenset(
    {
        *("use_pure", "option_files", "option_groups", "read_default_file"),
        *("username", "passwd", "failover", "dns_srv"),
    }
)

_OPENS_OTHERS = (
    "the connect function: a token is sent over TLS only, which can be required of mysql.connector.aio.connect or "
    "mysql.connector.aio.MySQLConnection. Give one of these"
)


def _public(driver_class: type, is_such: Any) -> frozenset[str]:
    """Return the names of the public methods of a class of which something is true."""
    return frozenset(name for name in dir(driver_class) if name[0] != "_" and is_such(getattr(driver_class, name)))


class AsyncMysqlConnectorAdapter(AsyncConnectorSession, AsyncMysqlAdapter):
    """`mysql.connector.aio`, which came with 8.3.0."""

    code = "mysql-connector-python"
    package = "mysql"
    connection_calls = _public(aio.MySQLConnection, inspect.iscoroutinefunction) | {"set_isolation_level"}
    cursor_calls = _public(MySQLCursor, inspect.iscoroutinefunction) | {"__anext__"}
    row_sources = _public(aio.MySQLConnection, inspect.isasyncgenfunction) | _public(
        MySQLCursor, inspect.isasyncgenfunction
    )

    @property
    def errors(self) -> ModuleType:
        """The package itself exports the exception classes of PEP 249."""
        return mysql.connector

    def __init__(self, connect: Callable[..., Any]) -> None:
        super().__init__(connect)
        keep_secrets_out_of_logs()

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Where no connection comes about, the connector raises what asyncio does."""
        return (errors.Error, OSError)

    @property
    def parameters(self) -> frozenset[str]:
        """Those of the connector's class of connections, and what its function `connect` takes beside them."""
        return _parameters()

    @property
    def typed_parameters(self) -> Mapping[str, Parameter[Any]]:
        """See `connection_arguments`."""
        return TYPED

    def from_environment(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read the option files."""
        return from_files(given)

    def blocking(self) -> DriverAdapter:
        """Return an adapter for the same package, in pure Python as the asyncio flavour is."""
        return MysqlConnectorAdapter(functools.partial(mysql.connector.connect, use_pure=True))

    def options(self, settings: Settings) -> dict[str, Any]:
        """See `connection_arguments`."""
        return for_connection(settings.driver)

    def objection_to_token(self, options: Mapping[str, Any]) -> str | None:
        """TLS can be required of connections only that are ours from the start."""
        objection = super().objection_to_token(options) or objection_to_token(options)
        return objection or (_OPENS_OTHERS if guarded(self.connect) is None else None)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Point the options at a host, in the names that the asyncio flavour knows; there is always a limit."""
        arguments = self.at_host(settings, host)
        arguments["connection_timeout"] = arguments.pop("connect_timeout")
        arguments.pop("use_pure", None)  # it is always pure
        return {**arguments, **keepalive_arguments(settings), "host": host, "port": port}

    async def dial(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Limit the login as well: the connector limits the connecting only.

        Who is interrupted leaves nothing open, if the connect function is the connector's own.
        """
        try:
            return await io.within(arguments["connection_timeout"], self._open(arguments), Guarded.drop)
        except TimeoutError as error:
            raise timed_out(arguments, arguments["connection_timeout"]) from error

    async def _open(self, arguments: Mapping[str, Any]) -> RawConnection:
        connection_class = guarded(self.connect)
        if connection_class is None:
            opened = await self.connect(**arguments)
            raw = drivers_own(opened, (MySQLConnectionAbstract,), "mysql.connector.aio")
            guard(raw)
        else:
            raw = connection_class(**{name: value for name, value in arguments.items() if name != ONLY_OVER_TLS})
            raw.only_over_tls = ONLY_OVER_TLS in arguments
            await raw.connect()
        vars(raw)[OPENED] = self.note_socket
        return raw

    def socket_number(self, wire: Any) -> int:
        """Ask the stream."""
        number: int = wire.number()
        return number

    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Run it without cursor and converters."""
        del io
        if raw.unread_result:
            raise errors.InternalError("Unread result found")
        if "columns" not in await raw.cmd_query(sql.encode(raw.python_charset)):
            return ()
        rows, _ = await raw.get_rows(raw=True)
        return [tuple(None if value is None else bytes(value).decode() for value in row) for row in rows]

    def is_closed(self, raw: RawConnection) -> bool:
        """Ask the loop too: the connector's own flag only tells whether it has closed the socket."""
        return raw.wire is None or raw.wire.is_over() or super().is_closed(raw)

    def is_between_statements(self, raw: RawConnection) -> bool:
        """No rows are on their way."""
        return not (raw.unread_result or raw.have_next_result)

    async def leave(self, io: DriverIo, raw: RawConnection) -> None:
        """Say farewell, unless that takes too long."""
        with io.alarm(FAREWELL, lambda: self.abort(raw)):
            await raw.close()

    def closed_twin(self, raw: RawConnection) -> RawConnection:
        """Copy the object without its socket and its cursors."""
        twin = object.__new__(type(raw))
        vars(twin).update(vars(raw), _socket=None, _cursors=WeakSet(), _unread_result=False)
        return twin

    def connection_of(self, owner: Any) -> RawConnection:
        """See `aio_connection`."""
        return connection_of(owner) if self.is_raw_cursor(owner) else owner

    def rows_are_local(self, raw: RawCursor) -> bool:
        """Only buffered cursors have all rows."""
        return isinstance(raw, MySQLCursorBuffered)

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell by the connector's cursor classes."""
        return isinstance(value, MySQLCursorAbstract)


@functools.cache
def _parameters() -> frozenset[str]:
    return frozenset({*inspect.signature(MySQLConnectionAbstract).parameters, *_OF_CONNECT} - {"loop"})
