"""The asyncio flavour of `core.io`; imported only by programs that use it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.cluster.store import TopologyStore
    from aws_advanced_python_wrapper.cluster.topology import Topology
    from aws_advanced_python_wrapper.deadline import Deadline

T = TypeVar("T")


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

    async def wait_topology(
        self, store: TopologyStore, accept: Callable[[Topology], T | None], deadline: Deadline
    ) -> T | None:
        """Wait for the store to wake this loop."""
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
                loop.call_soon_threadsafe(changed.set)

        # Listening starts before the first look: news between the look and the wait sets the event.
        with store.listener(wake):
            while True:
                changed.clear()
                found = store.look(accept)
                if found is not None or deadline.expired:
                    return found
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), deadline.remaining())

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock between tasks."""
        return asyncio.Lock()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
