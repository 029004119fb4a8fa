"""The tests of connections that are lost while they idle, with asyncio; and what follows a cancelled failover."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.aio.test_cancellation import cancelled_after
from cluster.test_lost_while_idle import *  # noqa: F403
from cluster.test_lost_while_idle import SPLITTING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver


async def executed(connection: Any) -> None:
    cursor = connection.cursor()
    await (await cursor if inspect.isawaitable(cursor) else cursor).execute("SELECT 1")


def test_a_failover_that_was_cancelled_is_made_up_for_when_read_only_is_set(
    cluster: LocalCluster, play: Callable[[Coroutine[Any, Any, Any]], Any], driver: Driver
) -> None:
    async def scenario() -> None:
        arguments = {"autocommit": True, **driver.arguments, **SPLITTING}
        connection: Any = await AsyncAwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **arguments)
        for instance in cluster.instances:
            instance.proxy.refuse()
        cluster.writer.proxy.reset()
        assert isinstance(await cancelled_after(1, executed(connection)), asyncio.CancelledError)
        assert connection.closed
        for instance in cluster.instances:
            instance.proxy.accept()
        with pytest.raises(FailoverSuccessError):
            await connection.set_read_only(True)
        await connection.set_read_only(True)
        await connection.close()

    play(scenario())
