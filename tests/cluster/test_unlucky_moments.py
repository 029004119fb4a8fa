"""Connections that are shared, interrupted, closed or half-way through a block when their host is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import (
    FailoverError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)
from cluster.drivers import both_engines, every_driver
from cluster.support import (
    Background,
    assert_on_true_writer,
    at_server,
    execute,
    fresh_table,
    interrupt_the_test,
    process_of,
    program,
    value,
)
from support.waiting import after, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

# A reader that believes itself to be a demoted writer: its connection is alive, and in use, when it is replaced.
SHARED_BY_THREADS = """
    import dataclasses, sys, threading
    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverError
    from aws_advanced_python_wrapper.cluster.host import HostRole

    for _ in range(8):
        connection = AwsWrapperConnection.connect(psycopg.Connection.connect, sys.argv[1], autocommit=True)
        connection._session.host = dataclasses.replace(connection._session.host, role=HostRole.WRITER)
        ready, done = threading.Barrier(4), threading.Event()

        def read():
            ready.wait()
            try:
                while not done.is_set():
                    connection.execute("SELECT repeat('x', 10000000)").fetchone()
            except psycopg.Error:
                pass

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        ready.wait()
        try:
            connection.execute("CREATE TABLE never_made (id int)")
        except FailoverError:
            pass
        done.set()
        for thread in threads:
            thread.join()
        connection.close()
    print("alive")
    """


# Connections of the drivers for MySQL are for one thread at a time (`threadsafety` 1).
@pytest.mark.drivers("postgresql")
def test_a_connection_that_other_threads_are_using_is_replaced_without_harm(cluster: LocalCluster) -> None:
    assert program(SHARED_BY_THREADS, cluster.conninfo(cluster.readers[0].host), warnings="ignore") == "alive"


@pytest.mark.drivers("postgresql")
@pytest.mark.parametrize("autocommit", [True, False])
def test_a_block_that_lost_its_connection_does_not_end_as_if_it_were_complete(
    cluster: LocalCluster, connect: Connect, autocommit: bool
) -> None:
    table = fresh_table(cluster, "half_a_block")
    connection: Any = connect(cluster, autocommit=autocommit)

    def insert_two_rows() -> None:
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            cluster.failover()
            try:
                connection.execute(f"INSERT INTO {table} VALUES (2)")
            except FailoverError:
                connection.execute(f"INSERT INTO {table} VALUES (2)")

    with pytest.raises(TransactionResolutionUnknownError, match="block as a whole"):
        insert_two_rows()
    connection.rollback()
    assert value(connection, f"SELECT count(*) FROM {table} WHERE id = 1") == 0


@pytest.mark.drivers("postgresql")
def test_a_block_in_which_the_program_closes_its_connection_ends_as_it_does_in_psycopg(
    cluster: LocalCluster, connect: Connect
) -> None:
    for connection in (psycopg.connect(cluster.conninfo()), connect(cluster)):
        opened: Any = connection
        with opened.transaction():
            opened.close()
        assert opened.closed


@pytest.mark.parametrize(
    "call",
    [
        lambda connection: connection.cursor().execute("SELECT 1"),
        lambda connection: execute(connection, "SELECT 1"),
        lambda connection: connection.commit(),
        lambda connection: connection.rollback(),
    ],
    ids=["cursor", "execute", "commit", "rollback"],
)
def test_a_connection_that_is_known_to_be_lost_fails_over_at_the_next_call(
    cluster: LocalCluster, connect: Connect, driver: Driver, call: Callable[[Any], object]
) -> None:
    connection: Any = connect(cluster)
    cluster.failover()
    with pytest.raises(driver.module.Error):
        execute(connection.target_connection, "SELECT 1")  # past the driver
    assert connection.closed
    with pytest.raises(FailoverSuccessError):
        call(connection)
    assert_on_true_writer(cluster, connection)


@both_engines
@pytest.mark.parametrize(
    ("before", "outcome"), [("SELECT 1", FailoverSuccessError), ("BEGIN", TransactionResolutionUnknownError)]
)
def test_a_failover_that_was_interrupted_is_made_up_for_at_the_next_call(
    cluster: LocalCluster, connect: Connect, before: str, outcome: type[FailoverError]
) -> None:
    connection: Any = connect(cluster)
    execute(connection, before)
    for instance in cluster.instances:
        cluster.kill(instance)

    with after(0.5, interrupt_the_test), pytest.raises(KeyboardInterrupt):
        execute(connection, "SELECT 1")
    cluster.restore()
    with pytest.raises(outcome):
        execute(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


@pytest.mark.drivers("postgresql")
def test_closing_a_lost_server_side_cursor_fails_over_too(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False)
    cursor = connection.cursor("on_the_server")
    cursor.execute("SELECT generate_series(1, 1000)")
    cluster.failover()
    with pytest.raises(TransactionResolutionUnknownError):
        cursor.close()
    assert_on_true_writer(cluster, connection)


@both_engines
def test_a_connection_closed_during_a_failover_stays_closed(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection: Any = connect(cluster, failover_timeout_sec=600)
    monitor = connection._session.cluster.monitor
    for instance in cluster.instances:
        cluster.kill(instance)
    caller = Background(execute, connection, "SELECT 1")
    eventually(lambda: monitor._searches)
    connection.close()
    with pytest.raises(driver.module.Error) as caught:
        caller.result()
    assert not isinstance(caught.value, FailoverError)
    assert connection.closed
    eventually(lambda: not monitor.threads)


@both_engines
def test_a_block_left_with_an_error_does_not_wait_for_another_host(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, failover_timeout_sec=600)

    def fail() -> None:
        with connection:
            execute(connection, "SELECT 1")
            for instance in cluster.instances:
                cluster.kill(instance)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert connection.closed


SHORT_IDLENESS = {"postgresql": "SET idle_session_timeout = '50ms'", "mysql": "SET wait_timeout = 1"}


@both_engines
def test_a_session_that_the_server_ends_for_being_idle_goes_on(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection: Any = connect(cluster)
    if driver.module is psycopg and connection.info.server_version < 140000:
        pytest.skip("idle_session_timeout came with PostgreSQL 14")
    process = process_of(connection)
    execute(connection, SHORT_IDLENESS[driver.engine.name])
    writer = cluster.writer.name
    eventually(lambda: not at_server(cluster, writer, driver.engine.has_process.format(process)))
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


@pytest.mark.drivers("postgresql")
def test_threads_in_autocommit_are_not_told_of_a_transaction(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=True)
    outcomes: list[type[BaseException]] = []

    def sleep() -> None:
        try:
            connection.execute("SELECT pg_sleep(60)")
        except psycopg.Error as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=sleep) for _ in range(3)]
    for thread in threads:
        thread.start()
    writer = cluster.writer.name
    eventually(
        lambda: at_server(cluster, writer, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
    )
    cluster.failover()
    eventually(lambda: outcomes)
    connection.close()
    for thread in threads:
        thread.join(20)
    assert not any(issubclass(outcome, TransactionResolutionUnknownError) for outcome in outcomes)
