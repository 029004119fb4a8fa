"""One program on three sides: on bare psycopg, and on this driver without plugins and with the default ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.parity.noting import NotingSide, chain

Scenario = Callable[["Side"], Coroutine[Any, Any, None]]

VERSION = tuple(map(int, psycopg.__version__.split(".")[:2]))

# What differs from connection to connection: addresses of objects, process ids.
_ACCIDENTAL = re.compile(r"0x[0-9a-f]+|(?<=PID )\d+|_pg3_\w+")


class Side(NotingSide):
    """A side of psycopg's."""

    log_of = "psycopg"

    def __init__(self, name: str, conninfo: str, *, asynchronous: bool) -> None:
        super().__init__(name, asynchronous=asynchronous)
        self.conninfo = conninfo

    @property
    def drivers_class(self) -> Any:
        """psycopg's own connection class."""
        return psycopg.AsyncConnection if self.asynchronous else psycopg.Connection

    @property
    def connection_class(self) -> Any:
        """The class a pool is given."""
        if self.is_bare:
            return self.drivers_class
        return AsyncAwsWrapperConnection if self.asynchronous else AwsWrapperConnection

    async def connect(self, target: Any = None, **parameters: Any) -> Any:
        """Open a connection, which is closed after the scenario. `target` is a connect function of the program's."""
        target = target or self.drivers_class.connect
        if self.is_bare:
            opening = target(self.conninfo, **parameters)
        else:
            opening = self.connection_class.connect(target, self.conninfo, **self.parameters, **parameters)
        connection = await self.result(opening)
        self._open.push_async_callback(self.call, connection.close)
        return connection

    def cursor(self, connection: Any, *args: Any, **kwargs: Any) -> Any:
        """Open a cursor, which is closed after the scenario."""
        cursor = connection.cursor(*args, **kwargs)
        self._open.push_async_callback(self.call, cursor.close)
        return cursor

    async def rows(self, connection: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        """Execute a query on the connection and return all rows."""
        cursor = await self.call(connection.execute, query, *args, **kwargs)
        return await self.call(cursor.fetchall)

    def plain(self, value: Any) -> Any:
        """Return a value that can be compared between sides."""
        if isinstance(value, psycopg.Error):
            state, message = value.sqlstate, value.diag.message_primary
            return type(value).__mro__, _ACCIDENTAL.sub("*", str(value)), state, message, chain(value)
        if isinstance(value, BaseException):
            return type(value), _ACCIDENTAL.sub("*", str(value)).replace("AwsWrapper", "")
        if isinstance(value, (psycopg.BaseConnection, psycopg.Cursor, psycopg.AsyncCursor)):
            return f"a {value.__class__.__name__}"
        if isinstance(value, list):
            return [self.plain(each) for each in value]
        if isinstance(value, psycopg.Column):
            return tuple(value)
        return _ACCIDENTAL.sub("*", value) if isinstance(value, str) else value
