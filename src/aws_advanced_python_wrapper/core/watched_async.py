"""What an asyncio driver hands out that touches the network later: blocks to enter and leave, rows one by one.

The twin of `core.watched` and `core.answers`, with `async` where psycopg has it.
"""

from __future__ import annotations

import inspect
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from aws_advanced_python_wrapper.core.answers import Facade, StaleCursor
from aws_advanced_python_wrapper.core.watched import _END, Block, On
from aws_advanced_python_wrapper.errors import FailoverSuccessError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
    from types import TracebackType

    from aws_advanced_python_wrapper.core.session import Session

T = TypeVar("T")


def watched(session: Session, function: Callable[..., Awaitable[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
    """Return a driver's coroutine method as one whose calls go through the session."""

    async def call(*args: Any, **kwargs: Any) -> T:
        result: T = await session.acall(function, *args, **kwargs)
        return result

    return call


def watched_rows(
    session: Session, rows: AsyncIterator[Any], ours: Callable[[Any], Any] = lambda row: row
) -> AsyncGenerator[Any, None]:
    """Return an iterator that gets each row in a call of the session's, passed through `ours`."""
    return _rows(session, On(session.raw, partial(anext, rows, _END)), rows, ours)


async def _rows(
    session: Session, step: Callable[[], Awaitable[Any]], rows: AsyncIterator[Any], ours: Callable[[Any], Any]
) -> AsyncGenerator[Any, None]:
    try:
        while (row := await session.acall(step)) is not _END:
            yield ours(row)
    finally:
        # A generator of the driver's holds the connection's lock until it is closed.
        if (close := getattr(rows, "aclose", None)) is not None:
            await close()


class WatchedBlock(Block[Any]):
    """An asynchronous context manager of the driver's: entered and left in calls of the session's."""

    __slots__ = ()

    async def __aenter__(self) -> Any:
        entered = await self._call("__enter__", self._block.__aenter__)
        self._prepare(entered, watched)
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._restore()
        try:
            suppressed = bool(await self._call("__exit__", self._block.__aexit__, kind, error, traceback))
            await self._settle(error, suppressed)
        except FailoverSuccessError as outcome:
            raise self._unresolved() from outcome.__cause__
        finally:
            self._look_for_rows()
        return suppressed

    async def _call(self, step: str, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await self._session.acall(On(self._raw, function, f"{self._name}.{step}"), *args)

    def __call__(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Decorate a coroutine function: each of its calls is made in a block of its own."""

        @wraps(function)
        async def inside(*args: Any, **kwargs: Any) -> Any:
            async with self._again():
                return await function(*args, **kwargs)

        return inside


class AsyncFacade(Facade):
    """An object of ours that stands for one of the driver's, asyncio flavour."""

    __slots__ = ()

    _block_class = WatchedBlock
    _watched_rows = staticmethod(watched_rows)

    def _caller(self, session: Session) -> Callable[..., Any]:
        return session.acall

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        call, ours = self._session.acall, self._ours

        async def watched_call(*args: Any, **kwargs: Any) -> Any:
            return ours(await call(function, *args, **kwargs))

        return watched_call

    def _may_wait(self, method: Callable[..., Any]) -> bool:
        return inspect.iscoroutinefunction(method)


class StaleAsyncCursor(StaleCursor):
    """Refuses everything but to be closed, where psycopg has coroutines when they are awaited."""

    async def refuse_when_awaited(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Raise what every call on this cursor raises."""
        self.refuse()

    async def close(self) -> None:  # type: ignore[override]
        """Nothing is left to close."""

    def _close(self) -> None:
        """As `close`: by this name SQLAlchemy closes psycopg's cursors where it cannot await."""

    def __aiter__(self) -> NoReturn:
        self.refuse()
