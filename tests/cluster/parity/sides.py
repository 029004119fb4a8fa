"""One program on three sides: on bare psycopg, and on this driver without plugins and with the default ones.

A scenario is a coroutine function that is given a `Side` and notes what a program sees. It is written once for both
flavours: on a blocking side nothing ever suspends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import psycopg

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.io import run

Scenario = Callable[["Side"], Coroutine[Any, Any, None]]

SIDES: dict[str, dict[str, Any] | None] = {"bare": None, "no plugin": {"plugins": ""}, "default plugins": {}}
"""Side -> the parameters of this driver, None for psycopg itself."""

WELL = "ended well"
VERSION = tuple(map(int, psycopg.__version__.split(".")[:2]))

# What differs from connection to connection: addresses of objects, process ids.
_ACCIDENTAL = re.compile(r"0x[0-9a-f]+|(?<=PID )\d+|_pg3_\w+")


class Side:
    """What a scenario does a thing with, and what it has noted."""

    def __init__(self, name: str, conninfo: str, *, asynchronous: bool) -> None:
        self.conninfo = conninfo
        self.asynchronous = asynchronous
        self.parameters = SIDES[name] or {}
        self.is_bare = SIDES[name] is None
        self.notes: list[Any] = []
        self._open = AsyncExitStack()

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

    async def result(self, value: Any) -> Any:
        """Await what an asynchronous method has returned."""
        return await value if inspect.isawaitable(value) else value

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call something of either flavour."""
        return await self.result(function(*args, **kwargs))

    async def set(self, connection: Any, name: str, value: Any) -> None:
        """Set an attribute in the flavour's way."""
        if self.asynchronous:
            await getattr(connection, f"set_{name}")(value)
        else:
            setattr(connection, name, value)

    @asynccontextmanager
    async def within(self, block: Any) -> AsyncIterator[Any]:
        """Enter a block of either flavour."""
        if self.asynchronous:
            async with block as entered:
                yield entered
        else:
            with block as entered:
                yield entered

    async def each(self, rows: Any) -> AsyncIterator[Any]:
        """Iterate in either flavour."""
        if self.asynchronous:
            async for row in rows:
                yield row
        else:
            for row in rows:
                yield row

    async def rows(self, connection: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        """Execute a query on the connection and return all rows."""
        cursor = await self.call(connection.execute, query, *args, **kwargs)
        return await self.call(cursor.fetchall)

    def note(self, *values: Any) -> None:
        """Remember what the program sees."""
        self.notes.append(tuple(_plain(value) for value in values))

    async def attempt(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call, and note the result or the error; returns the result."""
        try:
            result = await self.call(function, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - every error is what the program sees
            self.note(error)
            return None
        self.note(result)
        return result

    @asynccontextmanager
    async def noting_errors(self) -> AsyncIterator[None]:
        """Note the error that ends a block of the scenario, or that none does."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - every error is what the program sees
            self.note("ended by", error)
        else:
            self.note(WELL)

    @contextmanager
    def log(self) -> Iterator[list[logging.LogRecord]]:
        """Return a list that is filled with what psycopg and this driver log."""
        handler = _Records()
        loggers = [logging.getLogger(name) for name in ("psycopg", "aws_advanced_python_wrapper")]
        for logger in loggers:
            logger.addHandler(handler)
        try:
            yield handler.records
        finally:
            for logger in loggers:
                logger.removeHandler(handler)

    async def play(self, scenario: Scenario) -> list[Any]:
        """Play a scenario; returns what it noted, with the error that ended it last: an older psycopg lacks a thing."""
        async with self.noting_errors(), self._open:
            await scenario(self)
        return self.notes


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def observed(name: str, conninfo: str, scenario: Scenario, *, asynchronous: bool) -> list[Any]:
    """Play a scenario on a new side and return what the program saw."""
    side = Side(name, conninfo, asynchronous=asynchronous)
    drive: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run if asynchronous else run
    return drive(side.play(scenario))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """Return a value that can be compared between sides."""
    if isinstance(value, psycopg.Error):
        state, message = value.sqlstate, value.diag.message_primary
        return type(value).__mro__, _ACCIDENTAL.sub("*", str(value)), state, message, _chain(value)
    if isinstance(value, BaseException):
        return type(value), _ACCIDENTAL.sub("*", str(value)).replace("AwsWrapper", "")
    if isinstance(value, (psycopg.BaseConnection, psycopg.Cursor, psycopg.AsyncCursor)):
        return f"a {value.__class__.__name__}"
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, psycopg.Column):
        return tuple(value)
    return _ACCIDENTAL.sub("*", value) if isinstance(value, str) else value


def _chain(error: BaseException) -> list[type]:
    chain = []
    while error.__cause__ is not None:
        error = error.__cause__
        chain.append(type(error))
    return chain
