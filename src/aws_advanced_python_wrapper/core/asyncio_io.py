"""The asyncio flavour of `core.io`; imported only by programs that use it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import socket
import types
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.core.io import Event, Lock

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
        """Suspend this task for the lock; a free one is taken without a moment at which a task can be cancelled."""
        if _taken_at_once(lock):
            return True
        acquiring = asyncio.ensure_future(lock.acquire())
        try:
            done, _ = await asyncio.wait([acquiring], timeout=timeout)
        except asyncio.CancelledError:
            if acquiring.done():
                lock.release()
            raise
        finally:
            acquiring.cancel()
        return bool(done)

    async def within(self, seconds: float | None, opening: Coroutine[Any, Any, T], end: Callable[[T], object]) -> T:
        """Have a task of its own open it, which is cancelled when the time is up, or when this one is cancelled."""
        task = asyncio.ensure_future(opening)
        try:
            await asyncio.wait([task], timeout=seconds)
            if not task.done():
                raise TimeoutError
        except BaseException:
            task.add_done_callback(partial(_end_result, end))
            task.cancel()
            raise
        try:
            return task.result()
        except asyncio.TimeoutError as error:  # before Python 3.11 that is another class
            raise TimeoutError from error

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

    async def resolve(self, host: str) -> Sequence[tuple[Any, ...]]:
        """Have the loop ask, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)

    def alarm(self, seconds: float, ring: Callable[[], float | None]) -> _LoopAlarm:
        """Ring in the running loop."""
        return _LoopAlarm(asyncio.get_running_loop(), seconds, ring)

    def event(self) -> Event:
        """Return an event that any thread may set for the running loop."""
        return _LoopEvent(asyncio.get_running_loop())

    def lane(self) -> object:
        """Return the running loop."""
        return asyncio.get_running_loop()

    def lock(self) -> Lock:
        """Return a lock between tasks."""
        return _TaskLock()


class _TaskLock:
    """A lock between the tasks of one loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def holding(self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any) -> T:
        """Suspend this task for the lock."""
        async with self._lock:
            return await function(*args)


class _LoopAlarm:
    """A timer of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, ring: Callable[[], float | None]) -> None:
        self.rang = False
        self._loop = loop
        self._seconds = seconds
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._set(self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, seconds: float) -> None:
        self._timer = None if seconds == math.inf else self._loop.call_later(seconds, self._go_off)

    def _go_off(self) -> None:
        more = self._ring()
        self.rang = more is None
        if more is not None:
            self._set(more)


class _LoopEvent:
    """An event of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._announced: asyncio.Future[None] = loop.create_future()
        # Who is to set it knows it weakly: a task that waits in a loop which was closed is collected, and thereby ends.
        self.set = partial(_set, weakref.ref(self))

    def announce(self) -> None:
        """Have the loop set it."""
        with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
            self._loop.call_soon_threadsafe(lambda: _resolve(self._announced))

    def clear(self) -> None:
        """Wait for the next announcement from now on."""
        if self._announced.done():
            self._announced = self._loop.create_future()

    async def wait(self, timeout: float) -> bool:
        """Suspend this task."""
        # Not wait_for, which before Python 3.12 loses a cancellation that comes together with the result.
        done, _ = await asyncio.wait([self._announced], timeout=timeout)
        return bool(done)


def _set(known: weakref.ref[_LoopEvent]) -> None:
    if (event := known()) is not None:
        event.announce()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _end_result(end: Callable[[T], object], task: asyncio.Future[T]) -> None:
    if not task.cancelled() and task.exception() is None:
        end(task.result())


def _taken_at_once(lock: Any) -> bool:
    attempt = lock.acquire()
    try:
        attempt.send(None)
    except StopIteration:
        return True
    attempt.close()
    return False


class Truth(int):
    """True or false, which may be awaited before it is looked at."""

    def __await__(self) -> Generator[Any, Any, bool]:
        yield from ()
        return bool(self)

    def __repr__(self) -> str:
        return repr(bool(self))


def begun(coroutine: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
    """Run a coroutine as far as it goes without waiting, and the rest of it in a task."""
    try:
        waited_for = coroutine.send(None)
    except StopIteration:
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done
    return asyncio.ensure_future(_rest(coroutine, waited_for))


async def _rest(coroutine: Coroutine[Any, Any, None], waited_for: Any) -> None:
    await _steps(coroutine, waited_for)


@types.coroutine
def _steps(coroutine: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            step: Callable[[], Any] = partial(coroutine.send, (yield waited_for))
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's, be it a cancellation
            step = partial(coroutine.throw, error)
        try:
            waited_for = step()
        except StopIteration:
            return
