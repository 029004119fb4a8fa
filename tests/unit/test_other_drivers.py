"""Drivers that are not like psycopg: attributes that ask, cursors that are awaited, errors that are none of PEP 249."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.facades import CursorFacade
from aws_advanced_python_wrapper.errors import (
    FailoverFailedError,
    FailoverSuccessError,
    QueryTimeoutError,
    ReadWriteSplittingError,
)
from aws_advanced_python_wrapper.pep249 import InterfaceError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork
from support.flavours import AsyncioFlavour, BlockingFlavour
from support.other_driver import BareError, OtherAdapter, OtherCursor

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


async def connected(flavour: Flavour, cluster: FakeCluster, plugins: Any = ("failover",), **settings: Any) -> Any:
    session = await flavour.connected(
        cluster.network, cluster.writer_endpoint, plugins, adapter_class=OtherAdapter, **settings
    )
    return flavour.connection(session)


def of(connection: Any) -> Session:
    session: Session = connection._session
    return session


# Attributes that ask the server


def test_an_attribute_that_asks_the_server_is_read_in_a_call(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster)
        io = of(connection).io
        await io.call(connection.set_autocommit, True)
        assert await io.call(lambda: connection.autocommit) is True
        assert of(connection).raw.statements == ["SELECT @@autocommit"]
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await io.call(lambda: connection.autocommit)
        assert await io.call(lambda: connection.autocommit) is True
        assert of(connection).host.host_id == "db-2"

    flavour.run(scenario())


def test_the_time_of_a_call_counts_for_an_attribute_too(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster, (), socket_timeout=0.05)
        cluster[1].freeze()
        with pytest.raises(QueryTimeoutError, match="socket_timeout"):
            await of(connection).io.call(lambda: connection.autocommit)

    flavour.run(scenario())


def test_the_asyncio_connection_has_a_method_that_asks(cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(AsyncioFlavour(), cluster)
        assert await connection.get_autocommit() is False
        await connection.set_autocommit(True)
        assert await connection.get_autocommit() is True

    asyncio.run(scenario())


# The end of a block


@pytest.mark.parametrize("error", [None, KeyError("x")], ids=["well", "by an error"])
def test_a_block_commits_nothing_where_the_drivers_own_does_not(
    flavour: Flavour, cluster: FakeCluster, error: KeyError | None
) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster)
        raw = of(connection).raw
        await flavour.execute(of(connection), "BEGIN")
        kind = None if error is None else KeyError
        await of(connection).io.call(
            connection.__aexit__ if flavour.asynchronous else connection.__exit__, kind, error, None
        )
        assert connection.closed
        assert raw.statements == ["BEGIN"]
        assert raw.closed

    flavour.run(scenario())


# Cursors that are awaited


def test_a_cursor_may_be_awaited_or_not(cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(AsyncioFlavour(), cluster)
        cursors = [connection.cursor(), await connection.cursor()]
        async with await connection.cursor() as entered, connection.cursor() as at_once:
            for cursor in (*cursors, entered, at_once):
                assert await cursor is cursor
                assert await cursor.execute("SELECT 1") is cursor
                assert await cursor.fetchall() == [("db-1",)]
                assert isinstance(cursor, OtherCursor)
                assert issubclass(type(cursor), CursorFacade)

    asyncio.run(scenario())


# Many results


def test_what_goes_through_many_results_is_watched_at_each(cluster: FakeCluster) -> None:
    flavour = BlockingFlavour()
    connection = flavour.run(connected(flavour, cluster))
    results = connection.cursor().execute("SELECT 1;SELECT 2;SELECT 3", multi=True)
    assert of(connection).raw.statements == []
    first = next(results)
    assert issubclass(type(first), CursorFacade)
    assert first.connection is connection
    assert first.fetchall() == [("db-1",)]
    assert of(connection).raw.statements == ["SELECT 1"]
    cluster.fail_over(2)
    with pytest.raises(FailoverSuccessError):
        next(results)
    assert of(connection).host.host_id == "db-2"


def test_all_of_many_results_can_be_gone_through(cluster: FakeCluster) -> None:
    flavour = BlockingFlavour()
    connection = flavour.run(connected(flavour, cluster))
    cursors = list(connection.cursor().execute("SELECT 1;SELECT 2", None, True))
    assert [cursor.fetchone() for cursor in cursors] == [("db-1",), ("db-1",)]
    assert of(connection).raw.statements == ["SELECT 1", "SELECT 2"]


def test_the_next_result_is_asked_for_in_a_call(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster)
        io = of(connection).io
        cursor = connection.cursor()
        assert await io.call(cursor.execute, "SELECT 1") is cursor
        assert await io.call(cursor.nextset) is True
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await io.call(cursor.nextset)

    flavour.run(scenario())


# Errors that are none of PEP 249's


def test_every_error_of_the_driver_counts_for_a_failover(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster)
        cluster[1].kill()  # so that to close the lost connection, and to connect to its host, raises a BareError
        cluster.fail_over(3)
        with pytest.raises(FailoverSuccessError) as raised:
            await flavour.execute(of(connection), "SELECT 1")
        assert isinstance(raised.value.__cause__, BareError)
        assert await flavour.execute(of(connection), "SELECT 1") == "db-3"

    flavour.run(scenario())


def test_cursors_of_a_lost_connection_end_whatever_closing_them_raises(
    flavour: Flavour, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(_: OtherCursor) -> None:
        raise BareError("the connection is lost")

    async def scenario() -> None:
        connection = await connected(flavour, cluster)
        cursor = connection.cursor()
        monkeypatch.setattr(OtherCursor, "close", close)
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await of(connection).io.call(cursor.execute, "SELECT 1")
        with pytest.raises(InterfaceError, match="This cursor has ended"):
            await of(connection).io.call(cursor.execute, "SELECT 1")
        assert len(cluster.network.opened_by("program")) == 2

    flavour.run(scenario())


def test_where_no_host_is_left_the_failure_is_told_as_such(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster, failover_timeout_sec=0.2)
        for host in cluster.hosts:
            host.kill()
        with pytest.raises(FailoverFailedError):
            await flavour.execute(of(connection), "SELECT 1")
        assert connection.closed

    flavour.run(scenario())


def test_connecting_fails_over_too(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        first = await connected(flavour, cluster)
        cluster[3].kill()
        session = flavour.session(
            cluster.network, cluster[3].name, adapter_class=OtherAdapter, enable_connect_failover=True
        )
        await session.connect()
        assert session.host.host_id == "db-1"
        assert first

    flavour.run(scenario())


def test_hosts_that_cannot_be_reached_are_passed_over(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        connection = await connected(flavour, cluster, ["read_write_splitting", "failover"])
        for reader in cluster.hosts[1:]:
            reader.kill()
        await of(connection).io.call(connection.set_read_only, True)
        assert of(connection).host.host_id == "db-1"
        for reader in cluster.hosts[1:]:
            reader.start()
        await of(connection).io.call(connection.set_read_only, False)
        await of(connection).io.call(connection.close)

    flavour.run(scenario())


def test_a_writer_that_cannot_be_reached_leaves_the_session_where_it_is(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await flavour.connected(
            cluster.network,
            cluster[2].name,
            ["read_write_splitting"],
            adapter_class=OtherAdapter,
            failover_timeout_sec=0.2,
        )
        connection = flavour.connection(session)
        await session.io.call(connection.set_read_only, True)
        cluster[1].kill()
        with pytest.raises(ReadWriteSplittingError):
            await session.io.call(connection.set_read_only, False)
        assert session.host.host_id == "db-2"

    flavour.run(scenario())
