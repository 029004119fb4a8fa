"""Internal pools on real servers, in both flavours: one connection serves many programs, one after the other."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import pq

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager, ConnectionProviderManager
from aws_advanced_python_wrapper.errors import FailoverSuccessError, QueryTimeoutError
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from cluster.in_loop import LoopThread
from cluster.support import WHO, Background, administrate, assert_on_true_writer, at_server, eventually, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster

    Open = Callable[..., Any]

OPTIONS = {"pool_size": 3, "max_overflow": 0, "timeout": 20}

SETTINGS = "SELECT pg_catalog.current_setting('search_path') || ' ' || current_user"


@pytest.fixture(params=["blocking", "asyncio"])
def open_pooled(request: pytest.FixtureRequest, cluster: LocalCluster) -> Iterator[Open]:
    """Return a function that opens a connection to a host, an instance of the cluster, through the flavour's pools."""
    del cluster  # this process knows nothing of it yet
    with (blocking_pools if request.param == "blocking" else asyncio_pools)() as open_connection:
        yield open_connection


@contextmanager
def blocking_pools() -> Iterator[Open]:
    provider = SqlAlchemyPooledConnectionProvider(lambda _host, _props: OPTIONS)
    ConnectionProviderManager.set_connection_provider(provider)

    def open_connection(cluster: LocalCluster, host: str, **arguments: Any) -> Any:
        return AwsWrapperConnection.connect(psycopg.Connection.connect, cluster.conninfo(host), **arguments)

    try:
        yield open_connection
    finally:
        ConnectionProviderManager.release_resources()
        ConnectionProviderManager.reset_provider()


@contextmanager
def asyncio_pools() -> Iterator[Open]:
    with closing(LoopThread()) as thread:
        provider = AsyncPooledConnectionProvider(lambda _host, _props: OPTIONS)
        AsyncConnectionProviderManager.set_connection_provider(provider)

        def open_connection(cluster: LocalCluster, host: str, **arguments: Any) -> Any:
            target = psycopg.AsyncConnection.connect
            return thread.call(AsyncAwsWrapperConnection.connect, target, cluster.conninfo(host), **arguments)

        try:
            yield open_connection
        finally:
            thread.call(AsyncConnectionProviderManager.release_resources)
            AsyncConnectionProviderManager.reset_provider()


def pid(connection: Any) -> int:
    return int(connection.info.backend_pid)


def test_one_connection_serves_programs_one_after_the_other(cluster: LocalCluster, open_pooled: Open) -> None:
    pids = set()
    for _ in range(5):
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            assert value(connection, WHO) == cluster.writer.name
            pids.add(pid(connection))
    assert len(pids) == 1


def test_each_program_finds_a_connection_as_new(cluster: LocalCluster, open_pooled: Open) -> None:
    administrate(cluster, "DROP ROLE IF EXISTS pooled", "CREATE ROLE pooled", f"GRANT pooled TO {cluster.user}")
    first = open_pooled(cluster, cluster.writer.host)
    new = value(first, SETTINGS)
    first.rollback()
    first.autocommit, first.row_factory, first.prepare_threshold = True, psycopg.rows.dict_row, 0
    first.isolation_level, first.read_only, first.deferrable = psycopg.IsolationLevel.SERIALIZABLE, True, True
    first.add_notice_handler(print)
    first.adapters.register_loader("int4", psycopg.types.string.TextLoader)
    first.set_schema("other")
    first.set_role("pooled")
    first.autocommit = False
    first.execute("SELECT 1")
    before = pid(first)
    first.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        assert pid(second) == before
        assert second.info.transaction_status == pq.TransactionStatus.IDLE
        assert value(second, SETTINGS) == new
        assert second.execute("SELECT 1").fetchone() == (1,)
        states = second.isolation_level, second.read_only, second.deferrable, second.prepare_threshold
        assert states == (None, None, None, 5)
        assert second.target_connection._notice_handlers == []
    administrate(cluster, "DROP ROLE pooled")


def test_prepared_statements_outlive_the_program_that_prepared_them(cluster: LocalCluster, open_pooled: Open) -> None:
    for _ in range(3):
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            for number in range(3):
                rows = connection.execute("SELECT %s::int", (number,), prepare=True)
                assert rows.fetchone() == (number,)


def test_who_has_closed_a_connection_reaches_nobody_elses(cluster: LocalCluster, open_pooled: Open) -> None:
    first = open_pooled(cluster, cluster.writer.host)
    cursor = first.execute("SELECT 1")
    first.close()
    first.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        second.execute("CREATE TEMPORARY TABLE mine (id int)")
        assert first.closed
        for call in (first.commit, first.rollback, lambda: first.execute("SELECT 1")):
            with pytest.raises(psycopg.OperationalError, match="closed"):
                call()
        with pytest.raises(psycopg.InterfaceError):
            cursor.execute("SELECT 1")
        assert second.info.transaction_status == pq.TransactionStatus.INTRANS
        second.rollback()


def test_a_connection_closed_within_a_block_does_not_go_back(cluster: LocalCluster, open_pooled: Open) -> None:
    connection = open_pooled(cluster, cluster.writer.host)
    before = pid(connection)
    block = connection.transaction()
    block.__enter__()
    connection.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        assert pid(second) != before


def test_a_connection_that_the_server_has_ended_is_passed_over(cluster: LocalCluster, open_pooled: Open) -> None:
    connections = [open_pooled(cluster, cluster.writer.host) for _ in range(3)]
    pids = {pid(connection) for connection in connections}
    for connection in connections:
        connection.close()
    for ended in pids:
        at_server(cluster, cluster.writer.name, f"SELECT pg_terminate_backend({ended}, 20000)")
    with closing(open_pooled(cluster, cluster.writer.host)) as connection:
        assert pid(connection) not in pids
        assert value(connection, WHO) == cluster.writer.name


@pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])
def test_a_failover_finds_connections_in_use_and_idle(cluster: LocalCluster, open_pooled: Open, kind: Any) -> None:
    old = cluster.writer
    readers = [instance.host for instance in cluster.instances if instance.name != old.name]
    in_use, idle, *beside = [open_pooled(cluster, host) for host in (old.host, old.host, *readers)]
    in_use.autocommit = True
    pids = {pid(in_use), pid(idle)}
    for connection in (idle, *beside):
        connection.close()
    cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        in_use.execute("SELECT 1")
    assert_on_true_writer(cluster, in_use)
    in_use.close()
    cluster.wait_settled()
    for host in (old.host, *readers):
        with closing(open_pooled(cluster, host)) as connection:
            assert value(connection, "SELECT inet_server_port()")
            assert pid(connection) not in pids


def test_many_at_once_share_few_connections(cluster: LocalCluster, open_pooled: Open) -> None:
    def work() -> int:
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            value(connection, "SELECT pg_sleep(0.01)")
            return pid(connection)

    pids = [thread.result() for thread in [Background(work) for _ in range(20)]]
    assert len(set(pids)) <= OPTIONS["pool_size"]


def test_a_limit_of_one_program_is_not_the_next_ones(cluster: LocalCluster, open_pooled: Open) -> None:
    arguments: dict[str, Any] = {"plugins": "none", "autocommit": True}
    with closing(open_pooled(cluster, cluster.writer.host, socket_timeout=0.3, **arguments)) as limited:
        before = pid(limited)
    with closing(open_pooled(cluster, cluster.writer.host, **arguments)) as free:
        assert pid(free) == before
        free.execute("SELECT pg_sleep(0.8)")
    limited = open_pooled(cluster, cluster.writer.host, socket_timeout=0.3, **arguments)
    assert pid(limited) == before
    with pytest.raises(QueryTimeoutError):
        limited.execute("SELECT pg_sleep(20)")
    limited.close()


def test_closing_does_not_wait_for_a_silent_server(cluster: LocalCluster, open_pooled: Open) -> None:
    connection = open_pooled(cluster, cluster.writer.host, plugins="none", auxiliary_query_timeout_sec=0.5)
    connection.execute("SELECT 1")
    cluster.writer.proxy.blackhole()
    Background(connection.close).result()
    assert connection.closed


def test_a_forked_child_uses_none_of_its_parents_connections(cluster: LocalCluster) -> None:
    with blocking_pools() as open_connection:
        in_use = open_connection(cluster, cluster.writer.host, plugins="none")
        open_connection(cluster, cluster.writer.host, plugins="none").close()
        with closing(open_connection(cluster, cluster.writer.host, plugins="none")) as idle:
            pids = {pid(in_use), pid(idle)}
        child = os.fork()
        if not child:
            in_use.close()
            os._exit(pid(open_connection(cluster, cluster.writer.host, plugins="none")) in pids)
        assert os.waitpid(child, 0)[1] == 0
        assert value(in_use, WHO) == cluster.writer.name
        in_use.close()
        with closing(open_connection(cluster, cluster.writer.host, plugins="none")) as connection:
            assert pid(connection) in pids


def test_an_interrupted_wait_for_a_place_takes_none(cluster: LocalCluster) -> None:
    async def scenario() -> None:
        provider = AsyncPooledConnectionProvider(lambda _host, _props: {"max_size": 1, "max_overflow": 0})
        AsyncConnectionProviderManager.set_connection_provider(provider)

        async def connect() -> AsyncAwsWrapperConnection:
            conninfo = cluster.conninfo(cluster.writer.host)
            return await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, conninfo)

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


def test_what_is_dropped_leaves_no_transaction_open(cluster: LocalCluster) -> None:
    with blocking_pools() as open_connection:
        connection = open_connection(cluster, cluster.writer.host)
        connection.execute("SELECT 1")
        left = pid(connection)
        del connection
        gone = f"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = {left}"
        eventually(lambda: at_server(cluster, cluster.writer.name, gone))
