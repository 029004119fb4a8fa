"""The tests of internal pools of the blocking flavour, with asyncio connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager
from cluster.test_internal_pools import *  # noqa: F403
from cluster.test_internal_pools import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.in_loop import LoopThread


@pytest.fixture  # type: ignore[no-redef]
def pools(loop_thread: LoopThread) -> Iterator[None]:
    """Have a pool for each host and user."""
    provider = AsyncPooledConnectionProvider(lambda _host, _props: OPTIONS)
    AsyncConnectionProviderManager.set_connection_provider(provider)
    yield
    loop_thread.call(AsyncConnectionProviderManager.release_resources)
    AsyncConnectionProviderManager.reset_provider()


def test_an_interrupted_wait_for_a_place_takes_none(cluster: LocalCluster, driver: Driver) -> None:
    async def scenario() -> None:
        provider = AsyncPooledConnectionProvider(lambda _host, _props: {"max_size": 1, "max_overflow": 0})
        AsyncConnectionProviderManager.set_connection_provider(provider)

        async def connect() -> AsyncAwsWrapperConnection:
            return await AsyncAwsWrapperConnection.connect(driver.connect, cluster.conninfo(cluster.writer.host))

        first = await connect()
        waiting = [asyncio.ensure_future(connect()) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await first.close()
        second = await connect()
        await second.close()
        provider.release_resources()

    try:
        asyncio.run(scenario())
    finally:
        AsyncConnectionProviderManager.reset_provider()
