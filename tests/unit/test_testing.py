"""The package for tests without a server, used as the author of a plugin would use it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, AwsWrapperError, FailoverSuccessError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.testing import (
    FakeCluster,
    IntegrityError,
    LoginError,
    NetworkError,
    ReadOnlyError,
    aconnect,
    connect,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


def test_a_blocking_connection_is_the_ordinary_one(network: FakeNetwork, cluster: FakeCluster) -> None:
    connection: Any = connect(network, cluster.writer_endpoint)
    assert type(connection) is AwsWrapperConnection
    with connection, connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == ("db-1",)
        assert cursor.fetchmany(2) == cursor.fetchall() == list(cursor) == []
        connection.execute("INSERT")
    assert connection.closed
    assert [sql for _host, sql in network.log] == ["BEGIN", "SELECT 1", "INSERT", "COMMIT", "COMMIT"]


def test_an_asyncio_connection_is_the_ordinary_one(network: FakeNetwork, cluster: FakeCluster) -> None:
    async def program() -> None:
        connection: Any = await aconnect(network, cluster.writer_endpoint)
        assert type(connection) is AsyncAwsWrapperConnection
        async with connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute("SELECT 1")
            assert await cursor.fetchone() == ("db-1",)
            assert await cursor.fetchmany(2) == await cursor.fetchall() == [row async for row in cursor] == []
            await connection.execute("INSERT")
        assert connection.closed

    asyncio.run(program())
    assert [sql for _host, sql in network.log] == ["BEGIN", "SELECT 1", "INSERT", "COMMIT", "COMMIT"]


def test_a_session_can_be_set_in_both_flavours(network: FakeNetwork, cluster: FakeCluster) -> None:
    connection: Any = connect(network, cluster.writer_endpoint)
    connection.read_only = True
    connection.set_autocommit(True)
    assert (connection.read_only, connection.autocommit) == (True, True)

    async def program() -> None:
        connection: Any = await aconnect(network, cluster.writer_endpoint)
        await connection.set_read_only(True)
        await connection.set_autocommit(True)
        assert (connection.read_only, connection.autocommit) == (True, True)

    asyncio.run(program())


def test_a_failover_takes_no_parameters_and_no_time(network: FakeNetwork, cluster: FakeCluster) -> None:
    with connect(network, cluster.writer_endpoint, "failover") as connection:
        cluster.fail_over(to=2)
        with pytest.raises(FailoverSuccessError):
            connection.execute("SELECT 1")
        assert connection.execute("SELECT 1").fetchone() == ("db-2",)

    async def program() -> None:
        async with await aconnect(network, cluster.writer_endpoint, ["failover"]) as connection:
            cluster.fail_over(to=3)
            with pytest.raises(FailoverSuccessError):
                await connection.execute("SELECT 1")
            assert await (await connection.execute("SELECT 1")).fetchone() == ("db-3",)

    asyncio.run(program())


def test_a_program_may_be_given_rows_and_errors(network: FakeNetwork, cluster: FakeCluster) -> None:
    network.results["SELECT name FROM dogs"] = [("Rex",), ("Bello",)]
    network.faults["INSERT dog"] = IntegrityError("there is a Rex")
    with connect(network, cluster.writer_endpoint) as connection:
        assert connection.execute("SELECT name FROM dogs").fetchall() == [("Rex",), ("Bello",)]
        with pytest.raises(IntegrityError, match="there is a Rex"):
            connection.execute("INSERT dog")
        assert connection.execute("INSERT dog").fetchone() == ("db-1",)


def test_hosts_refuse_whom_and_what_they_are_told_to(network: FakeNetwork, cluster: FakeCluster) -> None:
    with connect(network, cluster.reader_endpoint) as connection, pytest.raises(ReadOnlyError):
        connection.execute("INSERT")
    network.refused_users.add("app")
    with pytest.raises(LoginError):
        connect(network, cluster.writer_endpoint)
    connect(network, cluster.writer_endpoint, user="admin").close()
    cluster[1].kill()
    with pytest.raises(NetworkError):
        connect(network, cluster.writer_endpoint, user="admin")


def test_a_transaction_that_ends_with_an_error_is_rolled_back(network: FakeNetwork, cluster: FakeCluster) -> None:
    connection: Any = connect(network, cluster.writer_endpoint)
    with pytest.raises(ZeroDivisionError), connection.transaction():
        raise ZeroDivisionError
    assert network.log[-1] == ("db-1", "ROLLBACK")
    network.faults["SELECT 1"] = NetworkError("as if lost")
    with pytest.raises(NetworkError, match="as if lost"), connection.transaction():
        connection.execute("SELECT 1")


def test_parameters_are_those_of_the_driver(network: FakeNetwork, cluster: FakeCluster) -> None:
    with pytest.raises(AwsWrapperError, match="did you mean 'failover_mode'"):
        connect(network, cluster.writer_endpoint, failovr_mode="strict_writer")
    with pytest.raises(AwsWrapperError, match="No plugin is called 'failovr'"):
        connect(network, cluster.writer_endpoint, ["failovr"])
