"""One program on three sides: on a bare MySQL driver, and on this driver without plugins and with the default ones."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mysql.connector

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.parity.noting import NotingSide, chain

if TYPE_CHECKING:
    from cluster.drivers import Driver

Scenario = Callable[["MysqlSide"], Coroutine[Any, Any, None]]

# What differs from play to play: addresses of objects, and the names of folders.
_ACCIDENTAL = re.compile(r"0x[0-9a-f]+|(?<=/tmp/)tmp\w+")

_PLAIN = (int, float, complex, bytes, bytearray, type(None), type)


class MysqlSide(NotingSide):
    """A side of one of the MySQL drivers."""

    def __init__(self, name: str, driver: Driver, server: dict[str, Any], *, asynchronous: bool) -> None:
        super().__init__(name, asynchronous=asynchronous)
        self.driver = driver
        self.server = {**server, **driver.arguments}
        """The arguments of a connection, in the driver's words."""
        if driver.name == "aiomysql":
            self.server["db"] = self.server.pop("database")

    @property
    def log_of(self) -> str:  # type: ignore[override]
        """The wrapped driver's logger."""
        return self.driver.module.__name__

    @property
    def errors(self) -> Any:
        """The module with the driver's exceptions."""
        return self.driver.module

    async def connect(self, target: Any = None, **parameters: Any) -> Any:
        """Open a connection, which is closed after the scenario. `target` is a connect function of the program's."""
        connection = await self.opened(target, **{**self.server, **parameters})
        self._open.push_async_callback(self._close, connection)
        return connection

    async def opened(self, target: Any = None, **parameters: Any) -> Any:
        """Open a connection with these arguments only, which nobody closes."""
        target = target or self.driver.connect
        if self.is_bare:
            return await self.call(target, **parameters)
        ours = AsyncAwsWrapperConnection if self.asynchronous else AwsWrapperConnection
        return await self.call(ours.connect, target, **self.parameters, **parameters)

    async def _close(self, connection: Any) -> None:
        with suppress(self.errors.Error, OSError, RuntimeError):  # what the asyncio connector raises up to 8.4
            await self.call(connection.close)

    async def each(self, rows: Any) -> AsyncIterator[Any]:
        """Iterate over what an asyncio driver has either kind of iterator for."""
        if hasattr(rows, "__anext__"):
            async for row in rows:
                yield row
        else:
            for row in rows:
                yield row

    def takes(self, parameters: dict[str, Any]) -> bool:
        """Tell whether this version of the connector has the parameters: others this driver refuses in its words."""
        known: Collection[str] = mysql.connector.constants.DEFAULT_CONFIGURATION
        if self.asynchronous:
            known = inspect.signature(import_module("mysql.connector.aio.abstracts").MySQLConnectionAbstract).parameters
        return parameters.keys() <= set(known)

    async def get(self, connection: Any, name: str) -> Any:
        """Read an attribute, which asyncio drivers have as an awaitable."""
        return await self.result(getattr(connection, name))

    async def set(self, connection: Any, name: str, value: Any) -> None:
        """Set an attribute in the flavour's way."""
        if self.asynchronous and hasattr(connection, f"set_{name}"):
            await getattr(connection, f"set_{name}")(value)
        else:
            setattr(connection, name, value)

    async def execute(self, cursor: Any, *args: Any, **kwargs: Any) -> None:
        """Execute, and note whether that succeeds: this driver's cursor is returned where the connector's is not."""
        async with self.noting_errors():
            await self.call(cursor.execute, *args, **kwargs)

    async def see(self, owner: Any, *names: str) -> None:
        """Note attributes."""
        for name in names:
            await self.attempt(self.get, owner, name)

    async def executed(self, connection: Any, query: Any, parameters: Any = None, *more: Any, **kind: Any) -> Any:
        """Execute a query on a new cursor, and return the cursor."""
        cursor = await self.call(connection.cursor, *more, **kind)
        await self.call(cursor.execute, query, *([] if parameters is None else [parameters]))
        return cursor

    async def rows(self, connection: Any, query: Any, parameters: Any = None, *more: Any, **kind: Any) -> Any:
        """Execute a query on a new cursor, and return all its rows."""
        cursor = await self.executed(connection, query, parameters, *more, **kind)
        found = await self.call(cursor.fetchall) if cursor.description else None
        await self.call(cursor.close)
        return found

    async def table(self, connection: Any, columns: str = "id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20)") -> None:
        """Make a table that only this connection sees, `parity`."""
        await self.rows(connection, f"CREATE TEMPORARY TABLE parity ({columns})")

    def plain(self, value: Any) -> Any:
        """Return a value that can be compared between sides."""
        if isinstance(value, mysql.connector.Error):
            told = value.errno, value.sqlstate, self.plain(value.msg), self.plain(value.args)
            return type(value).__mro__, _ACCIDENTAL.sub("*", str(value)), told, chain(value)
        if isinstance(value, BaseException):
            return type(value), _ACCIDENTAL.sub("*", str(value)).replace("AwsWrapper", ""), chain(value)
        if isinstance(value, str):
            return _ACCIDENTAL.sub("*", value)
        if isinstance(value, (list, tuple, set)):
            return type(value).__name__, [self.plain(each) for each in value]
        if isinstance(value, dict):
            return {self.plain(name): self.plain(each) for name, each in value.items()}
        if isinstance(value, bool):
            return repr(value)  # it is no number to a program that prints it
        if isinstance(value, _PLAIN) or _is_a_value(value):
            return value
        return "to be called" if inspect.isroutine(value) else f"a {value.__class__.__name__}"


def public_names(thing: Any) -> list[str]:
    """Return the public names of the driver's own class of an object."""
    found = thing.__class__
    drivers = getattr(sys.modules[found.__module__], found.__name__)
    return [name for name in dir(drivers) if not name.startswith("_")]


def a_file(folder: str, name: str, text: str) -> str:
    """Write a file; returns its path."""
    path = Path(folder, name)
    path.write_text(text)
    return str(path)


def fail() -> None:
    """Raise an error that is the program's own."""
    raise ZeroDivisionError("the program's own")


def _is_a_value(value: Any) -> bool:
    return type(value).__module__ in {"datetime", "decimal"}


def scenarios_of(module: Any) -> Iterator[Scenario]:
    """Yield the scenarios that a module has."""
    for name, function in tuple(vars(module).items()):
        if (
            inspect.iscoroutinefunction(function)
            and not name.startswith("_")
            and function.__module__ == module.__name__
        ):
            yield function
