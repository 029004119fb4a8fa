"""Internal pools for asyncio connections; each pool belongs to the loop in which it was first used."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.pools import PooledConnectionProvider
from aws_advanced_python_wrapper.driver.awaitables import finish
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.connection_provider import Connect

# Options, under all their names, with what they are unless given.
_SIZE = {"pool_size": 5, "max_size": 5}
_OVERFLOW = {"max_overflow": 10}
_TIMEOUT = {"timeout": 30.0, "timeout_seconds": 30.0}


class AsyncPooledConnectionProvider(PooledConnectionProvider):
    """One pool for each host, user and event loop. Needs no SQLAlchemy.

    `pool_configurator` may return `pool_size` or `max_size` (connections that are kept, 5), `max_overflow` (how many
    more there may be at once, 10) and `timeout` or `timeout_seconds` (how long to wait for a place, 30).
    """

    async def lease(self, host: HostInfo, props: Mapping[str, Any], connect: Connect) -> AsyncLease:
        """Take an idle connection of the host's pool, or open one; waits for a place if all are taken.

        Raises `AwsWrapperError` when there is none in time, and what `connect` raises.
        """
        pool: _Pool = self._pool(host, props, connect)
        if not await AsyncioIo().acquire(pool.places, pool.timeout):
            raise AwsWrapperError(
                f"No connection to {host.address} became free in its pool within {pool.timeout:g} s: all {pool.most} "
                "are in use."
            )
        return await pool.lease(connect)

    def _new_pool(self, options: dict[str, Any]) -> _Pool:
        size = int(_option(options, _SIZE))
        overflow, timeout = int(_option(options, _OVERFLOW)), float(_option(options, _TIMEOUT))
        if options:
            raise AwsWrapperError(f"pool_configurator: there are no options {', '.join(sorted(options))}.")
        return _Pool(size, overflow, timeout)

    def _scope(self) -> Hashable:
        return asyncio.get_running_loop()


def _option(options: dict[str, Any], names: Mapping[str, float]) -> float:
    """Take an option out under whichever name it was given."""
    given = [options.pop(name) for name in names if name in options]
    value: float = given[0] if given else next(iter(names.values()))
    return value


class _Pool:
    """The idle connections, the last one given back on top."""

    def __init__(self, size: int, overflow: int, timeout: float) -> None:
        self.most = size + overflow
        self.timeout = timeout
        self.places = asyncio.Semaphore(self.most)
        self.in_use = 0
        self._size = size
        self._idle: deque[tuple[Any, dict[str, Any]]] = deque()
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._disposed = False

    @property
    def usable(self) -> bool:
        return not self._loop.is_closed()

    async def lease(self, connect: Callable[[], Awaitable[Any]]) -> AsyncLease:
        """Hand out a connection, once a place is taken."""
        self.in_use += 1
        try:
            reused = bool(self._idle)
            connection, notes = self._idle.pop() if reused else (await connect(), {})
        except BaseException:
            self.free()
            raise
        return AsyncLease(self, connection, notes, reused=reused)

    def take_back(self, connection: Any, notes: dict[str, Any]) -> None:
        self.free()
        if self._disposed or not self.usable or len(self._idle) >= self._size:
            finish(connection.close())
        else:
            self._idle.append((connection, notes))

    def free(self) -> None:
        self.in_use -= 1
        self.places.release()

    def free_from_anywhere(self) -> None:
        """Free a place from a finalizer, which runs in any thread at any moment."""
        if self.usable and os.getpid() == self._process:
            self._loop.call_soon_threadsafe(self.free)

    def forget_idle(self) -> None:
        while self._idle:
            connection, _ = self._idle.pop()
            finish(connection.close())

    def dispose(self) -> None:
        """Close what lies idle; psycopg's `close` waits for nothing."""
        self._disposed = True
        self.forget_idle()


class AsyncLease:
    """A connection out of a pool, for tasks of one loop."""

    def __init__(self, pool: _Pool, connection: Any, notes: dict[str, Any], *, reused: bool) -> None:
        self.connection = connection
        self.reused = reused
        self.notes = notes
        self._pool = pool
        self._process = os.getpid()
        self._dropped = weakref.finalize(self, pool.free_from_anywhere)
        self._dropped.atexit = False

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection its parent's."""
        return os.getpid() != self._process

    def give_back(self) -> None:
        """Return the connection to its pool, which closes it if it has enough of them."""
        if self._dropped.detach() and not self.inherited:
            self._pool.take_back(self.connection, self.notes)

    def invalidate(self, *, idle_too: bool = False) -> None:
        """Free the place in the pool."""
        if self._dropped.detach() and not self.inherited:
            self._pool.free()
        if idle_too:
            self._pool.forget_idle()
