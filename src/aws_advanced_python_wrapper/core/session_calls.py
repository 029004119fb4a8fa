"""The path of a program's calls through its session.

`call` is the hot path of the blocking flavour, `acall` its asyncio twin. Unless plugins wrap calls, one costs a
question to the driver's own memory, a look at the clock and a few attribute accesses. Host monitoring reads the list of
running calls from another thread: several callers may share it, as `append` and `remove` are atomic.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.core.io import Io, Lock, run
from aws_advanced_python_wrapper.core.plugin import CallNext, Failure, Plugin
from aws_advanced_python_wrapper.driver.contract import ErrorKind, RawConnection, TransactionSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter

T = TypeVar("T")


class Wrapping(Protocol):
    """Wraps calls, as a plugin does that overrides `execute`."""

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        """Make the call."""
        ...


class SessionCalls(ABC):
    """The part of a session that makes calls, and has the plugins deal with their errors."""

    adapter: DriverAdapter
    io: Io
    raw: RawConnection
    current: Opened
    closed: bool
    running: list[float]
    """Monotonic times, in seconds, at which the calls began that have not returned yet."""
    transaction_status: int
    _era: int
    _lock: Lock
    _lost_in_transaction: RawConnection
    _transaction: TransactionSource
    _wrapping: Sequence[Wrapping]
    _routing: Sequence[Plugin]
    _on_error: Sequence[Plugin]

    @abstractmethod
    def _attach(self) -> None:
        """Have the connection of the moment looked after in the background."""

    def call(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Make a call of the program's that may touch the network; raises what the driver raises, or an outcome."""
        if self._era != CLUSTERS.era:
            self._attach()
        status = self.transaction_status = self._transaction.transaction_status
        began, running = monotonic(), self.running
        running.append(began)
        try:
            try:
                if self._wrapping:
                    return run(self._wrapped(function)(*args, **kwargs))  # type: ignore[no-any-return]
                # Most calls have no keywords, and are quicker without any.
                return function(*args, **kwargs) if kwargs else function(*args)
            finally:
                running.remove(began)
        except Exception as error:
            run(self.recover(function, error, status))
            raise

    async def acall(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make a call of the program's, asyncio flavour."""
        if self._era != CLUSTERS.era:
            self._attach()
        status = self.transaction_status = self._transaction.transaction_status
        began, running = monotonic(), self.running
        running.append(began)
        try:
            try:
                if self._wrapping:
                    return await self._wrapped(function)(*args, **kwargs)
                return await function(*args, **kwargs)
            finally:
                running.remove(began)
        except Exception as error:
            await self.recover(function, error, status)
            raise

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Count what is done inside as a running call, from whose error nothing is to be recovered."""
        began = monotonic()
        self.running.append(began)
        try:
            yield
        finally:
            self.running.remove(began)

    def _wrapped(self, function: Callable[..., Any]) -> CallNext:
        proceed: CallNext = partial(self.io.call, function)
        for plugin in reversed(self._wrapping):
            proceed = partial(plugin.execute, function, proceed)
        return proceed

    async def recover(self, function: Callable[..., Any], error: Exception, status: int) -> None:
        """Let the plugins deal with an error; returns where the program is to see it as it is.

        `status` is the transaction status when the call began. The session's may be another caller's by now.
        """
        if not self._on_error:
            return
        owner = getattr(function, "__self__", None)
        failed = self.raw if owner is None else self.adapter.connection_of(owner)
        kind = self.adapter.classify(error, failed)
        if kind is not ErrorKind.OTHER:
            await self._recover_from(failed, error, kind, status)

    async def _recover_from(self, failed: RawConnection, error: Exception, kind: ErrorKind, status: int) -> None:
        at = monotonic()
        in_transaction = failed is self._lost_in_transaction or self.adapter.was_in_transaction(failed, status)
        if in_transaction and self.adapter.is_closed(failed):
            # Should the failover be interrupted, the next call makes up for it: the driver knows of none by then.
            self._lost_in_transaction = failed
        await self._lock.holding(self._have_heard, failed, partial(Failure, error, kind, in_transaction, at))

    async def _have_heard(self, failed: RawConnection, failure_of: Callable[[bool], Failure]) -> None:
        """Tell the plugins of a failure, under the lock."""
        if self.closed:  # by the program, or by another caller's failover that has failed meanwhile
            return
        failure = failure_of(failed is not self.raw)
        if failure.kind is ErrorKind.NETWORK and not failure.superseded and self.current.lease is not None:
            self.current.lease.invalidate()  # the new connection may need its place in the pool
        for plugin in self._on_error:
            await plugin.on_error(failure)

    async def route(self, read_only: bool) -> None:
        """Let the plugins move the session to where read-only transactions belong, or all others.

        A connection that is known to be lost cannot be left: plugins deal with the loss first, as with a call's error.
        """
        if not self._routing:
            return
        if self._era != CLUSTERS.era:
            self._attach()
        raw = self.raw
        if self._on_error and not self.closed and self.adapter.is_closed(raw):
            status = self._transaction.transaction_status
            await self._recover_from(raw, self.adapter.loss(), ErrorKind.NETWORK, status)
        await self._lock.holding(self._have_routed, read_only)

    async def _have_routed(self, read_only: bool) -> None:
        for plugin in self._routing:
            await plugin.on_read_only(read_only)
