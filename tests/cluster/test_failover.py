"""A program that loses its host goes on with another one, and is told what became of its work."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import (
    FailoverError,
    FailoverFailedError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from cluster.drivers import both_engines, every_driver
from cluster.engines import ENGINES
from cluster.support import (
    Background,
    assert_on_true_writer,
    at_server,
    end_process,
    engine_of,
    execute,
    fresh_table,
    ids_in,
    instance_of,
    is_in_transaction,
    process_of,
    true_writer,
    value,
)
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

kinds = pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])


def end_backend(cluster: LocalCluster, connection: AwsWrapperConnection) -> None:
    """Have the server end one connection, and nothing else."""
    end_process(cluster, connection._session.host.host, process_of(connection))


def assert_outcome(connection: Any, error: Any, sqlstate: str) -> None:
    adapter = connection._session.adapter
    assert isinstance(error, adapter.errors.OperationalError)
    assert error.sqlstate == sqlstate
    assert adapter.classify(error.__cause__) is ErrorKind.NETWORK
    assert isinstance(error.__cause__, adapter.failures)
    assert not isinstance(error.__cause__, FailoverError)


# The writer is lost


@both_engines
@kinds
@pytest.mark.parametrize("endpoint", ["writer endpoint", "instance endpoint"])
def test_a_lost_writer_is_replaced_by_the_new_one(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind, endpoint: str
) -> None:
    connection = connect(cluster, cluster.writer.host if endpoint == "instance endpoint" else None)
    result = cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError) as caught:
        execute(connection, "SELECT 1")
    assert_outcome(connection, caught.value, "08S02")
    assert not connection.closed
    assert instance_of(connection) == result.new_writer
    assert_on_true_writer(cluster, connection)


@both_engines
@kinds
def test_a_statement_under_way_ends_when_the_writer_is_replaced(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    connection = connect(cluster)
    running = Background(execute, connection, engine_of(connection).sleep.format(60))
    eventually(lambda: at_server(cluster, cluster.writer.name, engine_of(connection).sleepers.format(60)))
    cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        running.result()
    assert_on_true_writer(cluster, connection)


@both_engines
@kinds
def test_inside_a_transaction_the_outcome_is_unknown(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    table = fresh_table(cluster, "in_transaction")
    connection = connect(cluster, autocommit=False)
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    cluster.failover(kind=kind)
    with pytest.raises(TransactionResolutionUnknownError) as caught:
        execute(connection, f"INSERT INTO {table} VALUES (2)")
    assert_outcome(connection, caught.value, "08007")
    assert not is_in_transaction(connection)
    execute(connection, f"INSERT INTO {table} VALUES (3)")
    connection.commit()
    assert_on_true_writer(cluster, connection)
    assert ids_in(connection, table) == [3]


def test_a_first_statement_without_transaction_is_merely_to_be_repeated(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster, autocommit=False)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


@both_engines
@kinds
def test_of_a_lost_commit_the_outcome_is_unknown(cluster: LocalCluster, connect: Connect, kind: FailoverKind) -> None:
    table = fresh_table(cluster, "lost_commit")
    connection = connect(cluster, autocommit=False)
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    cluster.failover(kind=kind)
    with pytest.raises(TransactionResolutionUnknownError) as caught:
        connection.commit()
    assert_outcome(connection, caught.value, "08007")
    assert_on_true_writer(cluster, connection)


def test_a_connection_block_ends_with_the_outcome(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False)

    def block() -> None:
        with connection:
            execute(connection, engine_of(connection).begin)
            cluster.failover()
            execute(connection, "SELECT 1")

    with pytest.raises(TransactionResolutionUnknownError):
        block()
    assert connection.closed


@both_engines
def test_a_connection_survives_ten_failovers_in_a_row(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    kinds: list[FailoverKind] = ["crash", "graceful"] * 5
    for kind in kinds:
        result = cluster.failover(kind=kind)
        with pytest.raises(FailoverSuccessError):
            execute(connection, "SELECT 1")
        assert instance_of(connection) == result.new_writer
    cluster.wait_settled()
    assert_on_true_writer(cluster, connection)


@both_engines
@kinds
def test_a_cluster_of_two_instances_fails_over(
    second_cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    connection = connect(second_cluster)
    for _ in range(2):
        result = second_cluster.failover(kind=kind, wait="all")
        with pytest.raises(FailoverSuccessError):
            execute(connection, "SELECT 1")
        assert instance_of(connection) == result.new_writer
        assert_on_true_writer(second_cluster, connection)


@both_engines
def test_twenty_connections_fail_over_together(cluster: LocalCluster, connect: Connect) -> None:
    connections = [connect(cluster) for _ in range(20)]
    ready = threading.Barrier(len(connections) + 1)

    def work(connection: AwsWrapperConnection) -> None:
        ready.wait(20)
        while True:
            execute(connection, engine_of(connection).sleep.format(0.02))

    threads = [Background(work, connection) for connection in connections]
    ready.wait(20)
    result = cluster.failover()
    for thread in threads:
        with pytest.raises(FailoverSuccessError):
            thread.result()
    assert {instance_of(connection) for connection in connections} == {result.new_writer}
    assert_on_true_writer(cluster, connections[0])


# Connections of the drivers for MySQL are for one thread at a time (`threadsafety` 1).
@pytest.mark.drivers("postgresql")
def test_threads_that_share_a_connection_share_its_failover(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    threads = [Background(execute, connection, engine_of(connection).sleep.format(60)) for _ in range(4)]
    eventually(lambda: at_server(cluster, cluster.writer.name, engine_of(connection).sleepers.format(60)))
    before = connection.target_connection
    cluster.failover()
    outcomes = []
    for thread in threads:
        with pytest.raises(psycopg.Error) as caught:
            thread.result()
        outcomes.append(caught.type)
    assert all(issubclass(outcome, (FailoverError, psycopg.InterfaceError)) for outcome in outcomes), outcomes
    assert any(issubclass(outcome, FailoverError) for outcome in outcomes)
    assert connection.target_connection is not before
    assert_on_true_writer(cluster, connection)


def test_a_writer_that_was_demoted_and_keeps_the_connection_is_left(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "demoted")
    connection = connect(cluster, cluster.readers[0].host)
    # As if this reader had been the writer when the connection was opened.
    connection._session.host = replace(connection._session.host, role=HostRole.WRITER)
    with pytest.raises(FailoverSuccessError) as caught:
        execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert caught.value.__cause__ is not None
    assert connection._session.adapter.classify(caught.value.__cause__) is ErrorKind.READ_ONLY
    assert_on_true_writer(cluster, connection)
    execute(connection, f"INSERT INTO {table} VALUES (1)")


# A reader is lost


def test_after_the_loss_of_its_reader_a_reader_endpoint_goes_on_with_another(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster, cluster.reader_endpoint)
    lost, writer = instance_of(connection), cluster.writer.name
    assert lost != writer
    cluster.kill(lost)
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert instance_of(connection) not in (lost, writer)
    assert true_writer(cluster) == writer, "nobody had to fail over"


@pytest.mark.parametrize(
    ("mode", "role"),
    [
        (None, "reader"),
        ("strict_reader", "reader"),
        ("strict-reader", "reader"),
        ("reader_or_writer", "reader"),
        ("Reader-Or-Writer", "reader"),
        ("strict_writer", "writer"),
        ("strict-writer", "writer"),
    ],
)
def test_the_failover_mode_decides_where_a_connection_goes(
    cluster: LocalCluster, connect: Connect, mode: str | None, role: str
) -> None:
    arguments = {} if mode is None else {"failover_mode": mode}
    connection = connect(cluster, cluster.reader_endpoint, **arguments)
    end_backend(cluster, connection)
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert cluster.instance(instance_of(connection)).role == role


@both_engines
@pytest.mark.parametrize("mode", [None, "reader_or_writer"])
def test_without_a_reader_the_writer_serves(cluster: LocalCluster, connect: Connect, mode: str | None) -> None:
    arguments = {} if mode is None else {"failover_mode": mode}
    connection = connect(cluster, cluster.reader_endpoint, **arguments)
    for reader in cluster.readers:
        cluster.kill(reader)
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert instance_of(connection) == cluster.writer.name


@both_engines
def test_without_a_reader_a_strict_reader_gives_up(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, cluster.reader_endpoint, failover_mode="strict_reader", failover_timeout_sec=2)
    for reader in cluster.readers:
        cluster.kill(reader)
    with pytest.raises(FailoverFailedError, match="no reader of the cluster answered in time"):
        execute(connection, "SELECT 1")


@both_engines
@kinds
def test_a_reader_endpoint_is_on_a_reader_after_the_writer_failed_over(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    connection = connect(cluster, cluster.reader_endpoint, failover_mode="strict_reader")
    cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    instance = instance_of(connection)
    assert at_server(cluster, instance, ENGINES[cluster.settings.engine].is_reader)


# Neither is lost, or all are


def test_a_connection_that_a_healthy_server_ended_returns_to_the_same_writer(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster)
    writer = instance_of(connection)
    end_backend(cluster, connection)
    with pytest.raises(FailoverSuccessError) as caught:
        execute(connection, "SELECT 1")
    assert_outcome(connection, caught.value, "08S02")
    assert instance_of(connection) == writer
    assert_on_true_writer(cluster, connection)


def test_failover_gives_up_in_time_when_all_hosts_refuse(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, failover_timeout_sec=2)
    for instance in cluster.instances:
        cluster.kill(instance)
    began = time.monotonic()
    with pytest.raises(FailoverFailedError) as caught:
        execute(connection, "SELECT 1")
    assert 2 <= time.monotonic() - began < 30
    assert_outcome(connection, caught.value, "08001")
    with pytest.raises(driver.module.Error):
        execute(connection, "SELECT 1")


def test_failover_gives_up_in_time_when_all_hosts_hang(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, failover_timeout_sec=2)
    for instance in cluster.instances:
        instance.proxy.blackhole()
    began = time.monotonic()
    connection._session.adapter.abort(connection.target_connection)  # drivers by themselves would wait for ever
    with pytest.raises(FailoverFailedError) as caught:
        execute(connection, "SELECT 1")
    assert time.monotonic() - began < 30
    assert_outcome(connection, caught.value, "08001")


def test_failover_waits_for_a_writer_that_comes_late(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    for instance in cluster.instances:
        instance.proxy.refuse()
        instance.proxy.reset()
    waiting = Background(execute, connection, "SELECT 1")
    waiting.join(1.0)
    assert waiting.is_alive()
    for instance in cluster.instances:
        instance.proxy.accept()
    with pytest.raises(FailoverSuccessError):
        waiting.result()
    assert_on_true_writer(cluster, connection)


def test_with_failover_switched_off_the_drivers_error_passes(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, enable_failover=False)
    adapter = connection._session.adapter
    cluster.failover()
    with pytest.raises(adapter.failures) as caught:
        execute(connection, "SELECT 1")
    assert adapter.classify(caught.value) is ErrorKind.NETWORK
    assert not type(caught.value).__module__.startswith("aws_advanced_python_wrapper")
    assert connection.closed


# What the program has set


def test_autocommit_survives(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection: Any = connect(cluster, autocommit=False)
    if driver.name == "aiomysql":
        connection.autocommit(True)
    else:
        connection.autocommit = True
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    table = fresh_table(cluster, "committed")
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert not is_in_transaction(connection)


# Cursors of the lost connection


def test_old_cursors_answer_with_a_clear_error(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = connect(cluster)
    cursor = execute(connection, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3")
    assert cursor.fetchone() == (1,)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    for use in (
        cursor.fetchone,
        cursor.fetchmany,
        cursor.fetchall,
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT %s", [(1,)]),
        lambda: list(cursor),
        lambda: cursor.rowcount,
    ):
        with pytest.raises(driver.module.InterfaceError, match=r"This cursor has ended: .* Open a new cursor"):
            use()
    cursor.close()
    cursor.close()
    assert value(connection, "SELECT 1") == 1


def test_the_cursor_whose_call_failed_has_ended_too(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = connect(cluster)
    with connection.cursor() as cursor:
        cluster.failover()
        with pytest.raises(FailoverSuccessError):
            cursor.execute("SELECT 1")
        with pytest.raises(driver.module.InterfaceError, match="This cursor has ended"):
            cursor.execute("SELECT 1")


# What is no reason to fail over


def assert_untouched(connection: AwsWrapperConnection, before: Any) -> None:
    assert connection.target_connection is before
    assert not connection.closed
    assert value(connection, "SELECT 1") == 1


@pytest.mark.parametrize("endpoint", ["reader endpoint", "instance endpoint"])
def test_writing_on_a_reader_by_choice_is_an_error(
    cluster: LocalCluster, connect: Connect, driver: Driver, endpoint: str
) -> None:
    table = fresh_table(cluster, "written_on_a_reader")
    host = cluster.reader_endpoint if endpoint == "reader endpoint" else cluster.readers[0].host
    connection = connect(cluster, host)
    before = connection.target_connection
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert connection._session.adapter.classify(caught.value) is ErrorKind.READ_ONLY
    assert not isinstance(caught.value, FailoverError)
    assert_untouched(connection, before)


def test_a_connection_that_the_program_closed_stays_closed(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster)
    connection.close()
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, "SELECT 1")
    assert not isinstance(caught.value, FailoverError)
    assert type(caught.value).__module__.partition(".")[0] in ("psycopg", "mysql", "pymysql")
    assert connection.closed
