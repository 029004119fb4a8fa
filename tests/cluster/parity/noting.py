"""A side of a comparison: what a program does there, and what it sees.

A scenario is a coroutine function that is given a side and notes what a program sees. It is written once for both
flavours: on a blocking side nothing ever suspends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from aws_advanced_python_wrapper.core.io import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

SIDES: dict[str, dict[str, Any] | None] = {"bare": None, "no plugin": {"plugins": ""}, "default plugins": {}}
"""Side -> the parameters of this driver, None for the wrapped driver itself."""

WELL = "ended well"


class NotingSide(ABC):
    """What a scenario does a thing with, and what it has noted."""

    log_of: ClassVar[str]
    """The wrapped driver's logger."""

    def __init__(self, name: str, *, asynchronous: bool) -> None:
        self.asynchronous = asynchronous
        self.parameters = SIDES[name] or {}
        self.is_bare = SIDES[name] is None
        self.notes: list[Any] = []
        self._open = AsyncExitStack()

    @abstractmethod
    def plain(self, value: Any) -> Any:
        """Return a value that can be compared between sides."""

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

    def note(self, *values: Any) -> None:
        """Remember what the program sees."""
        self.notes.append(tuple(self.plain(value) for value in values))

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
        """Return a list that is filled with what the wrapped driver and this one log."""
        handler = _Records()
        loggers = [logging.getLogger(name) for name in (self.log_of, "aws_advanced_python_wrapper")]
        for logger in loggers:
            logger.addHandler(handler)
        try:
            yield handler.records
        finally:
            for logger in loggers:
                logger.removeHandler(handler)

    async def _play(self, scenario: Callable[[Any], Coroutine[Any, Any, None]]) -> list[Any]:
        async with self.noting_errors(), self._open:
            await scenario(self)
        return self.notes

    def play(self, scenario: Callable[[Any], Coroutine[Any, Any, None]]) -> list[Any]:
        """Play a scenario; returns what it noted, with the error that ended it last: older drivers lack a thing."""
        drive: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run if self.asynchronous else run
        return drive(self._play(scenario))  # type: ignore[no-any-return]


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def chain(error: BaseException) -> list[type]:
    """Return the classes of the errors that have caused an error."""
    found = []
    while error.__cause__ is not None:
        error = error.__cause__
        found.append(type(error))
    return found
