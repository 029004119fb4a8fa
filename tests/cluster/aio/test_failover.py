"""The failover tests of the blocking flavour, with asyncio connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from aws_advanced_python_wrapper.aio.psycopg import connect as connect_in_loop
from cluster.support import end_process
from cluster.test_failover import *  # noqa: F403

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster


@pytest.mark.drivers("postgresql")
def test_a_cursor_that_has_ended_may_be_closed_as_sqlalchemy_does_without_awaiting(cluster: LocalCluster) -> None:
    async def program() -> None:
        async with await connect_in_loop(cluster.conninfo(), autocommit=True) as connection:
            cursor = connection.cursor()
            end_process(cluster, connection._session.host.host, connection.info.backend_pid)
            with pytest.raises(FailoverSuccessError):
                await cursor.execute("SELECT 1")
            cursor._close()

    asyncio.run(program())
