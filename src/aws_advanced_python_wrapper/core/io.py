"""The outside world in its two flavours: everything that may wait goes through here.

The code above the drivers is written once, as coroutines that await only these functions. In the blocking
flavour none of them ever suspends, so `run` can drive a coroutine to its end without an event loop.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aws_advanced_python_wrapper.core.alarms import ThreadAlarm

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from contextlib import AbstractContextManager

    from aws_advanced_python_wrapper.driver.contract import Alarm

T = TypeVar("T")

_LONGEST_POLL = 2**31 - 1  # milliseconds that fit into the system call's argument: 24 days


class Event(Protocol):
    """Something that one caller waits for, and that any thread may announce."""

    def set(self) -> None:
        """Announce it, from any thread; nothing is lost when nobody waits yet."""
        ...

    def clear(self) -> None:
        """Wait for the next announcement from now on."""
        ...

    async def wait(self, timeout: float) -> bool:
        """Wait for at most `timeout` seconds; False if nothing was announced."""
        ...


class Lock(Protocol):
    """What one caller at a time has."""

    async def holding(self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any) -> T:
        """Wait for the lock, and return what the function does, which nobody else calls meanwhile."""
        ...


class Io(Protocol):
    """What a session may wait for."""

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a driver function, awaiting what it returns where the driver is asynchronous."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Pause this caller only."""
        ...

    async def acquire(self, lock: Any, timeout: float) -> bool:
        """Take a lock of the driver's; False after `timeout` seconds."""
        ...

    async def within(self, seconds: float | None, opening: Coroutine[Any, Any, T], end: Callable[[T], object]) -> T:
        """Return what `opening` opens; see `driver.contract.DriverIo`."""
        ...

    async def wait_socket(self, descriptor: int, *, writing: bool, timeout: float) -> bool:
        """Wait until a socket can be read (or also written); False after `timeout` seconds."""
        ...

    async def resolve(self, host: str) -> Sequence[tuple[Any, ...]]:
        """Return what `socket.getaddrinfo` does, with the canonical name."""
        ...

    def alarm(self, seconds: float, ring: Callable[[], float | None]) -> AbstractContextManager[Alarm]:
        """Have `ring` called, in any thread, if the block lasts so long; see `driver.contract.Alarm`."""
        ...

    def event(self) -> Event:
        """Return an event for this caller to wait for."""
        ...

    def lock(self) -> Lock:
        """Return a lock between the callers of one session."""
        ...

    def lane(self) -> object:
        """Return what the callers have in common who hold one another up: where one blocks, all of them do."""
        ...


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine of the blocking flavour to its end."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("a coroutine of the blocking flavour waited for something outside core.io")


class BlockingIo:
    """Waits by blocking the calling thread."""

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the driver's function in this thread."""
        return function(*args, **kwargs)

    async def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)  # noqa: ASYNC251 - to block is the point of this flavour

    async def acquire(self, lock: Any, timeout: float) -> bool:
        """Block this thread for the lock."""
        return bool(lock.acquire(timeout=timeout))

    async def within(self, seconds: float | None, opening: Coroutine[Any, Any, T], end: Callable[[T], object]) -> T:
        """Open it in this thread, without a limit: drivers that block have their own."""
        del seconds, end
        return await opening

    async def wait_socket(self, descriptor: int, *, writing: bool, timeout: float) -> bool:
        """Poll the descriptor (poll, not select: its number may be above 1023)."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | (select.POLLOUT if writing else 0))
        return bool(poll.poll(min(timeout * 1000, _LONGEST_POLL)))

    async def resolve(self, host: str) -> Sequence[tuple[Any, ...]]:
        """Block this thread for the resolver."""
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)

    def alarm(self, seconds: float, ring: Callable[[], float | None]) -> ThreadAlarm:
        """Ring in the thread of `core.alarms`, as this one is blocked."""
        return ThreadAlarm(seconds, ring)

    def event(self) -> Event:
        """Return an event between threads."""
        return _ThreadEvent()

    def lock(self) -> Lock:
        """Return a re-entrant lock between threads."""
        return _ThreadLock()

    def lane(self) -> object:
        """Return the same for all threads: each can block by itself only."""
        return BlockingIo


class _ThreadEvent:
    """A thread's event whose wait has the shape of a coroutine.

    It is a mere lock, free once the event is set. A `threading.Event` cannot be set by the thread that is about to wait
    for it, as a finalizer or a signal handler does that comes in between and closes a connection.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()

    def set(self) -> None:
        """Open the gate."""
        with contextlib.suppress(RuntimeError):  # it is open already
            self._gate.release()

    def clear(self) -> None:
        """Close the gate."""
        self._gate.acquire(blocking=False)

    async def wait(self, timeout: float) -> bool:
        """Block this thread."""
        if not self._gate.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
            return False
        self.set()
        return True


class _ThreadLock:
    """A lock between threads.

    It is no context manager in Python: a signal handler that raises between `__aenter__` and the block would leave the
    lock taken, and nothing comes between the interpreter's own lock and its block.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()

    async def holding(self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any) -> T:
        """Block this thread for the lock."""
        with self._lock:
            return await function(*args)
