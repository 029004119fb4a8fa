"""The tests of session state of the blocking flavour, with asyncio connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.test_session_state import *  # noqa: F403

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster


def test_cancelling_a_setting_loses_no_connection(cluster: LocalCluster) -> None:
    async def scenario() -> None:
        target = psycopg.AsyncConnection.connect
        async with await AsyncAwsWrapperConnection.connect(target, cluster.conninfo(), autocommit=True) as connection:
            backend = connection.info.backend_pid
            cluster.writer.proxy.delay(to_client=0.5)
            setting = asyncio.ensure_future(connection.set_schema("app"))
            await asyncio.sleep(0.1)
            setting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await setting
            cluster.writer.proxy.delay()
            cursor = await connection.execute("SELECT pg_backend_pid()")
            assert await cursor.fetchone() == (backend,)

    asyncio.run(scenario())
