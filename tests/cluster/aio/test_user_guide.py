"""The walk through the user guide, with asyncio connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.aio.connection_provider import AsyncConnectionProviderManager
from cluster.test_user_guide import *  # noqa: F403
from cluster.test_user_guide import DRIVER_DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.in_loop import LoopThread


@pytest.fixture  # type: ignore[no-redef]
def pools(loop_thread: LoopThread) -> Iterator[None]:
    """Have connections come from pools of this driver's."""
    AsyncConnectionProviderManager.set_connection_provider(AsyncPooledConnectionProvider())
    yield
    loop_thread.call(AsyncConnectionProviderManager.release_resources)
    AsyncConnectionProviderManager.reset_provider()


def test_the_driver_of_a_connect_coroutine_of_ones_own_can_be_named(
    cluster: LocalCluster, driver: Driver, loop_thread: LoopThread
) -> None:
    async def mine(**arguments: Any) -> Any:
        return await driver.connect(**arguments)

    def connect(**arguments: Any) -> Any:
        return loop_thread.call(AsyncAwsWrapperConnection.connect, mine, cluster.conninfo(), **arguments)

    connect(wrapper_driver_dialect=DRIVER_DIALECTS[driver.module.__name__]).close()
    with pytest.raises(AwsWrapperError, match="wrapper_driver_dialect"):
        connect()
