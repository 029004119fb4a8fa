"""Connections of this driver in psycopg's own pools, before, during and after a failover."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import psycopg
import psycopg_pool
import pytest

from aws_advanced_python_wrapper import (
    AwsWrapperConnection,
    FailoverFailedError,
    FailoverSuccessError,
    release_resources,
)
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.cluster.host import HostRole
from cluster.support import WHO, fresh_table, true_writer, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster

SETTINGS: dict[str, Any] = {"plugins": "failover", "autocommit": True}


def list_row(_cursor: Any) -> type[list[Any]]:
    return list


@pytest.fixture(autouse=True)
def clean_end() -> Iterator[None]:
    yield
    release_resources()


def pool_of(
    cluster: LocalCluster, parameters: dict[str, Any] | None = None, **options: Any
) -> psycopg_pool.ConnectionPool[Any]:
    connection_class: Any = AwsWrapperConnection
    return psycopg_pool.ConnectionPool(
        cluster.conninfo(**parameters or {}), connection_class=connection_class, kwargs=SETTINGS, open=False, **options
    )


@pytest.mark.parametrize("transfer", [True, False])
def test_a_pool_goes_on_with_the_connections_that_failed_over(cluster: LocalCluster, transfer: bool) -> None:
    parameters = {"transfer_session_state_on_switch": transfer}
    with pool_of(cluster, parameters, min_size=1, max_size=1) as pool:
        with pool.connection() as connection:
            first = value(connection, WHO)
        cluster.failover(kind="crash")
        with pytest.raises(FailoverSuccessError), pool.connection() as connection:
            connection.execute("SELECT 1")
        with pool.connection() as again:
            assert again is connection
            assert value(again, WHO) == true_writer(cluster) != first
        assert pool.get_stats().get("returns_bad", 0) == 0
        assert pool.get_stats()["connections_num"] == 1


def test_a_block_may_fail_over_and_go_on_before_the_connection_is_returned(cluster: LocalCluster) -> None:
    with pool_of(cluster, min_size=1, max_size=1) as pool:
        with pool.connection() as connection:
            connection.row_factory = list_row
            cluster.failover(kind="crash")
            with pytest.raises(FailoverSuccessError):
                connection.execute("SELECT 1")
            assert connection.execute("SELECT 1").fetchall() == [[1]]
            assert connection._pool is pool
        assert not connection.closed
        assert pool.get_stats()["connections_num"] == 1


def test_a_pool_that_checks_its_connections_hands_out_none_that_is_lost(cluster: LocalCluster) -> None:
    check = psycopg_pool.ConnectionPool.check_connection
    with pool_of(cluster, min_size=3, max_size=3, check=check) as pool:
        pool.wait()
        cluster.failover(kind="crash")
        for _ in range(4):
            with pool.connection() as connection:
                assert value(connection, WHO) == true_writer(cluster)


def test_a_connection_that_found_no_host_is_returned_in_peace(cluster: LocalCluster) -> None:
    our_class = cast("Any", AwsWrapperConnection)
    settings = {**SETTINGS, "failover_timeout_sec": 1}
    options: dict[str, Any] = {"min_size": 1, "max_size": 1, "open": False}
    with psycopg_pool.ConnectionPool(
        cluster.conninfo(), connection_class=our_class, kwargs=settings, **options
    ) as pool:
        pool.wait()
        for instance in cluster.instances:
            instance.proxy.refuse()
            instance.proxy.reset()
        with pytest.raises(FailoverFailedError), pool.connection() as connection:
            connection.execute("SELECT 1")
        for instance in cluster.instances:
            instance.proxy.accept()
        with pool.connection() as connection:
            assert value(connection, WHO) == true_writer(cluster)


@pytest.mark.skipif(
    tuple(map(int, psycopg.__version__.split(".")[:2])) < (3, 3), reason="close_returns came with psycopg 3.3"
)
def test_a_connection_that_is_replaced_while_it_lives_is_not_returned_to_the_pool(cluster: LocalCluster) -> None:
    table = fresh_table(cluster, "written_by_a_pool")
    reader = cluster.conninfo(cluster.readers[0].host)
    options: dict[str, Any] = {"min_size": 1, "max_size": 1, "open": False, "close_returns": True}
    our_class = cast("Any", AwsWrapperConnection)
    with psycopg_pool.ConnectionPool(reader, connection_class=our_class, kwargs=SETTINGS, **options) as pool:
        connection: Any = pool.getconn()
        # As if this reader had been the writer when the connection was opened.
        connection._session.host = replace(connection._session.host, role=HostRole.WRITER)
        lost = connection.target_connection
        with pytest.raises(FailoverSuccessError):
            connection.execute(f"INSERT INTO {table} VALUES (1)")
        assert lost.closed
        connection.close()
        with pool.connection() as again:
            assert again is connection
            assert value(again, WHO) == true_writer(cluster)


def test_a_pool_of_asyncio_connections_goes_on_after_a_failover(cluster: LocalCluster) -> None:
    async def work() -> None:
        connection_class: Any = AsyncAwsWrapperConnection
        pool: psycopg_pool.AsyncConnectionPool[Any] = psycopg_pool.AsyncConnectionPool(
            cluster.conninfo(), connection_class=connection_class, kwargs=SETTINGS, min_size=1, max_size=1, open=False
        )
        async with pool:
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
            await asyncio.to_thread(cluster.failover, kind="crash")
            with pytest.raises(FailoverSuccessError):
                async with pool.connection() as connection:
                    await connection.execute("SELECT 1")
            async with pool.connection() as again:
                assert again is connection
                cursor = await again.execute(WHO)
                assert await cursor.fetchone() == (true_writer(cluster),)

    asyncio.run(work())
