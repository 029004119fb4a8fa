"""What an asyncio driver hands out that touches the network later: blocks to enter and leave, rows one by one.

The twin of `core.watched` and `core.answers`, with `async` where psycopg has it.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from aws_advanced_python_wrapper.core.answers import StaleCursor
from aws_advanced_python_wrapper.core.watched import _END, _INCOMPLETE, _On
from aws_advanced_python_wrapper.errors import FailoverError, TransactionResolutionUnknownError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.adapter import RawConnection

T = TypeVar("T")


def answer(session: Session, name: str, value: Any, calls: frozenset[str]) -> Any:
    """Return the driver's own attribute, watched if it is a method that touches the network now or later."""
    adapter = session.adapter
    if name in calls:
        return watched(session, value)
    if name in adapter.blocks:
        return lambda *args, **kwargs: WatchedBlock(session, value(*args, **kwargs))
    if name in adapter.row_sources:
        return lambda *args, **kwargs: watched_rows(session, value(*args, **kwargs))
    return value


def watched(session: Session, function: Callable[..., Awaitable[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
    """Return a driver's coroutine method as one whose calls go through the session."""

    async def call(*args: Any, **kwargs: Any) -> T:
        result: T = await session.acall(function, *args, **kwargs)
        return result

    return call


def watched_rows(session: Session, rows: AsyncIterator[T]) -> AsyncIterator[T]:
    """Return an iterator that gets each row in a call of the session's."""
    return _rows(session, _On(session.raw, partial(anext, rows, _END)), rows)


async def _rows(session: Session, step: Callable[[], Awaitable[T]], rows: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        while (row := await session.acall(step)) is not _END:
            yield row
    finally:
        # A generator of the driver's holds the connection's lock until it is closed.
        if (close := getattr(rows, "aclose", None)) is not None:
            await close()


class WatchedBlock(Generic[T]):
    """An asynchronous context manager of the driver's: entered and left in calls of the session's."""

    __slots__ = ("_block", "_raw", "_session")

    def __init__(self, session: Session, block: AbstractAsyncContextManager[T]) -> None:
        self._session = session
        self._raw: RawConnection = session.raw
        self._block = block

    async def __aenter__(self) -> T:
        entered: T = await self._call(self._block.__aenter__)
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        session = self._session
        suppressed = bool(await self._call(self._block.__aexit__, kind, error, traceback))
        lost = self._raw is not session.raw or session.adapter.is_closed(self._raw)
        if lost and kind is None and not session.closed:
            # The driver leaves a block of a lost connection without a word, and the program would take it for done.
            raise session.adapter.error(TransactionResolutionUnknownError, _INCOMPLETE)
        if lost and not suppressed and isinstance(error, Exception) and not isinstance(error, FailoverError):
            await session.recover(_On(self._raw, self._block.__aexit__), error)
        return suppressed

    async def _call(self, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await self._session.acall(_On(self._raw, function), *args)


class StaleAsyncCursor(StaleCursor):
    """Refuses everything but to be closed, where psycopg has coroutines when they are awaited."""

    async def refuse_when_awaited(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Raise what every call on this cursor raises."""
        self.refuse()

    async def close(self) -> None:  # type: ignore[override]
        """Nothing is left to close."""

    def __aiter__(self) -> NoReturn:
        self.refuse()


def finish(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Drive a coroutine as far as it goes without waiting."""
    with contextlib.closing(coroutine), contextlib.suppress(StopIteration):
        coroutine.send(None)
