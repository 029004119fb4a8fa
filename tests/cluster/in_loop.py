"""Asyncio connections as the tests of the blocking flavour see them.

The loop runs in a thread; what a program would await is awaited there before it is returned. So one test, written for
blocking connections, is one for both flavours.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from concurrent.futures import wait
from contextlib import AbstractAsyncContextManager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from aws_advanced_python_wrapper.core.watched_async import WatchedBlock
from support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import TracebackType

    from typing_extensions import Self

T = TypeVar("T")

LONGEST = 2 * PATIENCE
"""Seconds that anything may take; pytest's limit is not above it."""

# psycopg has properties for these in the blocking flavour, and coroutines `set_...` in the other.
SETTINGS = {"autocommit", "read_only", "isolation_level", "deferrable"}


def installed(*names: str) -> Iterator[type]:
    """Yield the classes of these names, "module:Class", whose drivers are installed."""
    for name in names:
        module, _, wanted = name.partition(":")
        with suppress(ModuleNotFoundError):
            yield getattr(import_module(module), wanted)


ASYNCHRONOUS = (
    *(psycopg.AsyncConnection, psycopg.AsyncCursor, psycopg.AsyncCopy, psycopg.AsyncPipeline),
    *installed("mysql.connector.aio.abstracts:MySQLConnectionAbstract", "aiomysql:Connection"),
    *installed("mysql.connector.aio.abstracts:MySQLCursorAbstract", "aiomysql:Cursor"),
    *(WatchedBlock, AbstractAsyncContextManager, AsyncIterator),
)


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> None:
        self.loop = new_loop()
        self._seen: dict[int, InLoop] = {}
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; whoever interrupts this, or has waited too long, cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(LONGEST)
        finally:
            if future.cancel():
                wait([asyncio.run_coroutine_threadsafe(self._end_of_all_others(), self.loop)], PATIENCE)

    async def _end_of_all_others(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function in the loop, and return what it returns in the end in its blocking shape."""

        async def call() -> Any:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return self.adapted(self.run(call()))

    def adapted(self, value: Any) -> Any:
        """Return the blocking shape of a value: the same for the same value."""
        if not isinstance(value, ASYNCHRONOUS):
            return value
        return self._seen.setdefault(id(value), InLoop(self, value))

    def close(self) -> None:
        self.run(self.loop.shutdown_asyncgens())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


class InLoop:
    """Something of the asyncio flavour, in its blocking shape."""

    def __init__(self, thread: LoopThread, target: Any) -> None:
        vars(self).update(_thread=thread, _target=target)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if callable(value) and not isinstance(value, (type, *ASYNCHRONOUS)) and not name.endswith("_factory"):
            return lambda *args, **kwargs: self._thread.call(value, *args, **kwargs)
        return self._thread.adapted(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTINGS:
            self._thread.call(getattr(self._target, f"set_{name}"), value)
        else:
            setattr(self._target, name, value)

    def __enter__(self) -> Any:
        return self._thread.call(self._target.__aenter__)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        return self._thread.call(self._target.__aexit__, kind, error, traceback)

    def __iter__(self) -> Self:
        return self._thread.call(aiter, self._target)  # type: ignore[no-any-return]

    def __next__(self) -> Any:
        row = self._thread.call(anext, self._target, END)
        if row is END:
            raise StopIteration
        return row

    def __repr__(self) -> str:
        return f"in loop: {self._target!r}"


END: Any = object()
