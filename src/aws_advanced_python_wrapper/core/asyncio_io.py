"""The asyncio flavour of `core.io`; imported only by programs that use it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Event


class AsyncioIo:
    """Waits by suspending the calling task; one instance serves any number of loops."""

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the driver's function and await its result if it is awaitable."""
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def sleep(self, seconds: float) -> None:
        """Suspend this task."""
        await asyncio.sleep(seconds)

    async def acquire(self, lock: Any, timeout: float) -> bool:
        """Suspend this task for the lock."""
        try:
            return await asyncio.wait_for(lock.acquire(), timeout)
        except asyncio.TimeoutError:
            return False

    async def wait_socket(self, descriptor: int, *, writing: bool, timeout: float) -> bool:
        """Watch the descriptor with the running loop."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(descriptor, _resolve, ready)
        if writing:
            loop.add_writer(descriptor, _resolve, ready)
        try:
            done, _ = await asyncio.wait([ready], timeout=timeout)
            return bool(done)
        finally:
            loop.remove_reader(descriptor)
            if writing:
                loop.remove_writer(descriptor)

    def event(self) -> Event:
        """Return an event that any thread may set for the running loop."""
        return _LoopEvent(asyncio.get_running_loop())

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock between tasks."""
        return asyncio.Lock()


class _LoopEvent:
    """An event of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()
        self.clear = self._event.clear

    def set(self) -> None:
        """Have the loop set it."""
        with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout: float) -> bool:
        """Suspend this task."""
        if self._event.is_set():
            return True
        try:
            return await asyncio.wait_for(self._event.wait(), timeout)
        except asyncio.TimeoutError:
            return False


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
