"""The two flavours a session exists in, so that one scenario can be played in both.

A scenario is a coroutine. In the blocking flavour it never suspends, and callers that act together are threads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, Io, run
from aws_advanced_python_wrapper.core.opening import sign_in_of
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.core.session import Session
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.testing import QUICK, FakeAdapter, FakeNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from aws_advanced_python_wrapper.core.plugin import Plugin

T = TypeVar("T")


class Flavour(ABC):
    """How coroutines are driven, what they may wait for, how a session is called."""

    asynchronous: ClassVar[bool]

    @abstractmethod
    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Play a scenario."""

    @abstractmethod
    def io(self) -> Io:
        """Return the outside world."""

    @abstractmethod
    async def call(self, session: Session, function: Callable[..., Any], *args: Any) -> Any:
        """Make a call of the program's."""

    @abstractmethod
    async def together(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run at once; returns results, and exceptions as values."""

    def session(
        self,
        network: FakeNetwork,
        host: str,
        plugins: Sequence[str | type[Plugin]] = ("failover",),
        adapter_class: type[FakeAdapter] = FakeAdapter,
        **settings: Any,
    ) -> Session:
        """Make a session with a quick monitor; nothing is connected yet."""
        adapter = adapter_class(network, asynchronous=self.asynchronous)
        given = Settings.from_arguments(
            "", {**QUICK, "failover_mode": None, "host": host, **settings}, adapter.parameters
        )
        chain = plugin_classes(plugins, sort=True)
        return Session(given, adapter, self.io(), chain, sign_in_of(chain, given, adapter))

    async def connected(
        self,
        network: FakeNetwork,
        host: str,
        plugins: Sequence[str | type[Plugin]] = ("failover",),
        **settings: Any,
    ) -> Session:
        """Make a session and connect it."""
        session = self.session(network, host, plugins, **settings)
        await session.connect()
        return session

    @abstractmethod
    def connection(self, session: Session) -> Any:
        """Return a connection as programs hold it."""

    async def execute(self, session: Session, sql: str) -> str:
        """Execute a statement on a new cursor and return the first value, the host's id."""
        cursor = session.raw.cursor()
        await self.call(session, cursor.execute, sql)
        row = await session.io.call(cursor.fetchone)
        return str(row[0])


class BlockingFlavour(Flavour):
    """Coroutines that never suspend, and threads."""

    asynchronous = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return run(coroutine)

    def io(self) -> Io:
        return BlockingIo()

    async def call(self, session: Session, function: Callable[..., Any], *args: Any) -> Any:
        return session.call(function, *args)

    def connection(self, session: Session) -> AwsWrapperConnection:
        return AwsWrapperConnection(session)

    async def together(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        with concurrent.futures.ThreadPoolExecutor(len(coroutines)) as pool:
            futures = [pool.submit(run, coroutine) for coroutine in coroutines]
            return [future.exception() or future.result() for future in futures]


class AsyncioFlavour(Flavour):
    """An event loop, and tasks."""

    asynchronous = True

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    def io(self) -> Io:
        return AsyncioIo()

    async def call(self, session: Session, function: Callable[..., Any], *args: Any) -> Any:
        return await session.acall(function, *args)

    def connection(self, session: Session) -> AsyncAwsWrapperConnection:
        return AsyncAwsWrapperConnection(session)

    async def together(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        return await asyncio.gather(*coroutines, return_exceptions=True)
