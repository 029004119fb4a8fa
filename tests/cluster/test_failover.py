"""A program that loses its host goes on with another one, and is told what became of its work."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from aws_advanced_python_wrapper import (
    FailoverError,
    FailoverFailedError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.cluster.host import HostRole
from cluster.support import (
    WHO,
    Background,
    assert_on_true_writer,
    at_server,
    eventually,
    fresh_table,
    true_writer,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.support import Connect

kinds = pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])


def end_backend(cluster: LocalCluster, connection: AwsWrapperConnection) -> None:
    """Have the server end one connection, and nothing else."""
    host = connection._session.host.host
    at_server(cluster, host, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 20000)")


def assert_outcome(error: Any, sqlstate: str) -> None:
    assert isinstance(error, psycopg.OperationalError)
    assert error.sqlstate == sqlstate
    assert isinstance(error.__cause__, psycopg.OperationalError)
    assert not isinstance(error.__cause__, FailoverError)


# The writer is lost


@kinds
@pytest.mark.parametrize("endpoint", ["writer endpoint", "instance endpoint"])
def test_a_lost_writer_is_replaced_by_the_new_one(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind, endpoint: str
) -> None:
    connection = connect(cluster, cluster.writer.host if endpoint == "instance endpoint" else None)
    result = cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError) as caught:
        connection.execute("SELECT 1")
    assert_outcome(caught.value, "08S02")
    assert not connection.closed
    assert value(connection, WHO) == result.new_writer
    assert_on_true_writer(cluster, connection)


@kinds
def test_a_statement_under_way_ends_when_the_writer_is_replaced(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    connection = connect(cluster)
    running = Background(connection.execute, "SELECT pg_sleep(60)")
    eventually(lambda: at_server(cluster, cluster.writer.name, SLEEPERS))
    cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        running.result()
    assert_on_true_writer(cluster, connection)


SLEEPERS = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"


@kinds
def test_inside_a_transaction_the_outcome_is_unknown(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    table = fresh_table(cluster, "in_transaction")
    connection = connect(cluster, autocommit=False)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    cluster.failover(kind=kind)
    with pytest.raises(TransactionResolutionUnknownError) as caught:
        connection.execute(f"INSERT INTO {table} VALUES (2)")
    assert_outcome(caught.value, "08007")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    connection.execute(f"INSERT INTO {table} VALUES (3)")
    connection.commit()
    assert_on_true_writer(cluster, connection)
    assert value(connection, f"SELECT array_agg(id) FROM {table}") == [3]


def test_a_first_statement_without_transaction_is_merely_to_be_repeated(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster, autocommit=False)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert_on_true_writer(cluster, connection)


@kinds
def test_of_a_lost_commit_the_outcome_is_unknown(cluster: LocalCluster, connect: Connect, kind: FailoverKind) -> None:
    table = fresh_table(cluster, "lost_commit")
    connection = connect(cluster, autocommit=False)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    cluster.failover(kind=kind)
    with pytest.raises(TransactionResolutionUnknownError) as caught:
        connection.commit()
    assert_outcome(caught.value, "08007")
    assert_on_true_writer(cluster, connection)


def test_a_transaction_block_ends_with_the_outcome(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)

    def block() -> None:
        with connection.transaction():
            connection.execute("SELECT 1")
            cluster.failover()
            connection.execute("SELECT 1")

    with pytest.raises(TransactionResolutionUnknownError):
        block()
    with connection.transaction():
        assert_on_true_writer(cluster, connection)


def test_a_connection_block_ends_with_the_outcome(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False)

    def block() -> None:
        with connection:
            connection.execute("SELECT 1")
            cluster.failover()
            connection.execute("SELECT 1")

    with pytest.raises(TransactionResolutionUnknownError):
        block()
    assert connection.closed


def test_a_connection_survives_ten_failovers_in_a_row(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    kinds: list[FailoverKind] = ["crash", "graceful"] * 5
    for kind in kinds:
        result = cluster.failover(kind=kind)
        with pytest.raises(FailoverSuccessError):
            connection.execute("SELECT 1")
        assert value(connection, WHO) == result.new_writer
    cluster.wait_settled()
    assert_on_true_writer(cluster, connection)


@kinds
def test_a_cluster_of_two_instances_fails_over(
    second_cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    connection = connect(second_cluster)
    for _ in range(2):
        result = second_cluster.failover(kind=kind, wait="all")
        with pytest.raises(FailoverSuccessError):
            connection.execute("SELECT 1")
        assert value(connection, WHO) == result.new_writer
        assert_on_true_writer(second_cluster, connection)


def test_twenty_connections_fail_over_together(cluster: LocalCluster, connect: Connect) -> None:
    connections = [connect(cluster) for _ in range(20)]
    ready = threading.Barrier(len(connections) + 1)

    def work(connection: AwsWrapperConnection) -> None:
        ready.wait(20)
        while True:
            connection.execute("SELECT pg_sleep(0.02)")

    threads = [Background(work, connection) for connection in connections]
    ready.wait(20)
    result = cluster.failover()
    for thread in threads:
        with pytest.raises(FailoverSuccessError):
            thread.result()
    assert {value(connection, WHO) for connection in connections} == {result.new_writer}
    assert_on_true_writer(cluster, connections[0])


def test_threads_that_share_a_connection_share_its_failover(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    threads = [Background(connection.execute, "SELECT pg_sleep(60)") for _ in range(4)]
    eventually(lambda: at_server(cluster, cluster.writer.name, SLEEPERS))
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
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert isinstance(caught.value.__cause__, psycopg.errors.ReadOnlySqlTransaction)
    assert_on_true_writer(cluster, connection)
    connection.execute(f"INSERT INTO {table} VALUES (1)")


# A reader is lost


def test_after_the_loss_of_its_reader_a_reader_endpoint_goes_on_with_another(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster, cluster.reader_endpoint)
    lost, writer = value(connection, WHO), cluster.writer.name
    assert lost != writer
    cluster.kill(lost)
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, WHO) not in (lost, writer)
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
        connection.execute("SELECT 1")
    assert cluster.instance(value(connection, WHO)).role == role


@pytest.mark.parametrize("mode", [None, "reader_or_writer"])
def test_without_a_reader_the_writer_serves(cluster: LocalCluster, connect: Connect, mode: str | None) -> None:
    arguments = {} if mode is None else {"failover_mode": mode}
    connection = connect(cluster, cluster.reader_endpoint, **arguments)
    for reader in cluster.readers:
        cluster.kill(reader)
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, WHO) == cluster.writer.name


def test_without_a_reader_a_strict_reader_gives_up(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, cluster.reader_endpoint, failover_mode="strict_reader", failover_timeout_sec=2)
    for reader in cluster.readers:
        cluster.kill(reader)
    with pytest.raises(FailoverFailedError, match="no reader of the cluster answered in time"):
        connection.execute("SELECT 1")


@kinds
def test_a_reader_endpoint_is_on_a_reader_after_the_writer_failed_over(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    connection = connect(cluster, cluster.reader_endpoint, failover_mode="strict_reader")
    cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    instance = value(connection, WHO)
    assert at_server(cluster, instance, "SELECT pg_is_in_recovery()") is True


# Neither is lost, or all are


def test_a_connection_that_a_healthy_server_ended_returns_to_the_same_writer(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster)
    writer = value(connection, WHO)
    end_backend(cluster, connection)
    with pytest.raises(FailoverSuccessError) as caught:
        connection.execute("SELECT 1")
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    assert value(connection, WHO) == writer
    assert_on_true_writer(cluster, connection)


def test_failover_gives_up_in_time_when_all_hosts_refuse(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, failover_timeout_sec=2)
    for instance in cluster.instances:
        cluster.kill(instance)
    began = time.monotonic()
    with pytest.raises(FailoverFailedError) as caught:
        connection.execute("SELECT 1")
    assert 2 <= time.monotonic() - began < 30
    assert_outcome(caught.value, "08001")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_failover_gives_up_in_time_when_all_hosts_hang(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, failover_timeout_sec=2)
    for instance in cluster.instances:
        instance.proxy.blackhole()
    began = time.monotonic()
    connection._session.adapter.abort(connection.target_connection)  # psycopg by itself would wait for ever
    with pytest.raises(FailoverFailedError) as caught:
        connection.execute("SELECT 1")
    assert time.monotonic() - began < 30
    assert_outcome(caught.value, "08001")


def test_failover_waits_for_a_writer_that_comes_late(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    for instance in cluster.instances:
        instance.proxy.refuse()
        instance.proxy.reset()
    waiting = Background(connection.execute, "SELECT 1")
    waiting.join(1.0)
    assert waiting.is_alive()
    for instance in cluster.instances:
        instance.proxy.accept()
    with pytest.raises(FailoverSuccessError):
        waiting.result()
    assert_on_true_writer(cluster, connection)


def test_with_failover_switched_off_psycopgs_error_passes(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, enable_failover=False)
    cluster.failover()
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("SELECT 1")
    assert type(caught.value).__module__.startswith("psycopg")
    assert caught.value.__cause__ is None
    assert connection.closed


# What the program has set


def test_the_settings_of_the_connection_survive(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False)
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.deferrable = True
    connection.row_factory = dict_row
    connection.prepare_threshold = 2
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert connection.autocommit is False
    assert connection.read_only is True
    assert connection.isolation_level is psycopg.IsolationLevel.SERIALIZABLE
    assert connection.deferrable is True
    assert connection.row_factory is dict_row
    assert connection.prepare_threshold == 2
    shown = {name: connection.execute(f"SHOW transaction_{name}").fetchone() for name in SHOWN}
    assert shown == {name: {f"transaction_{name}": expected} for name, expected in SHOWN.items()}


SHOWN = {"isolation": "serializable", "read_only": "on", "deferrable": "on"}


def test_autocommit_survives(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False)
    connection.autocommit = True
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert connection.autocommit is True
    connection.execute("SELECT 1")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_arguments_of_connect_survive(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, row_factory=dict_row, prepare_threshold=None, application_name="survivor")
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert connection.execute("SHOW application_name").fetchone() == {"application_name": "survivor"}
    assert connection.prepare_threshold is None


def test_statements_prepared_on_the_lost_connection_are_prepared_anew(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, prepare_threshold=0)
    for number in range(3):
        assert connection.execute("SELECT %s::int", (number,)).fetchone()[0] == number
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT %s::int", (3,))
    assert connection.execute("SELECT %s::int", (4,)).fetchone()[0] == 4


# Cursors of the lost connection


def test_old_cursors_answer_with_a_clear_error(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    cursor = connection.execute("SELECT generate_series(1, 10)")
    assert cursor.fetchone() == (1,)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    for use in (
        cursor.fetchone,
        cursor.fetchmany,
        cursor.fetchall,
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("SELECT %s", [(1,)]),
        lambda: list(cursor),
        lambda: cursor.rowcount,
    ):
        with pytest.raises(psycopg.InterfaceError, match=r"This cursor has ended: .* Open a new cursor"):
            use()
    cursor.close()
    cursor.close()
    assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


def test_the_cursor_whose_call_failed_has_ended_too(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    with connection.cursor() as cursor:
        cluster.failover()
        with pytest.raises(FailoverSuccessError):
            cursor.execute("SELECT 1")
        with pytest.raises(psycopg.InterfaceError, match="This cursor has ended"):
            cursor.execute("SELECT 1")


def in_copy(cursor: Any, statement: str, do: Callable[[Any], object]) -> None:
    with cursor.copy(statement) as copy:
        do(copy)


def in_transaction_block(connection: Any, do: Callable[[], object]) -> None:
    with connection.transaction():
        do()


NETWORK_CALLS: dict[str, Callable[[Any], object]] = {
    "execute": lambda connection: connection.execute("SELECT 1"),
    "executemany": lambda connection: connection.cursor().executemany("SELECT %s", [(1,), (2,)]),
    "stream": lambda connection: list(connection.cursor().stream("SELECT 1")),
    "copy": lambda connection: in_copy(connection.cursor(), "COPY (SELECT 1) TO STDOUT", list),
    "transaction": lambda connection: in_transaction_block(connection, list),
    "tpc_recover": lambda connection: connection.tpc_recover(),
}


@pytest.mark.parametrize("call", NETWORK_CALLS)
def test_every_call_that_touches_the_network_fails_over(cluster: LocalCluster, connect: Connect, call: str) -> None:
    connection = connect(cluster)
    end_backend(cluster, connection)
    with pytest.raises(FailoverSuccessError):
        NETWORK_CALLS[call](connection)
    assert_on_true_writer(cluster, connection)


def commit(connection: Any, end: Callable[[], None]) -> None:
    connection.execute("SELECT 1")
    end()
    connection.commit()


def rollback(connection: Any, end: Callable[[], None]) -> None:
    connection.execute("SELECT 1")
    end()
    connection.rollback()


def end_of_a_transaction_block(connection: Any, end: Callable[[], None]) -> None:
    in_transaction_block(connection, end)


def end_of_a_nested_transaction_block(connection: Any, end: Callable[[], None]) -> None:
    in_transaction_block(connection, lambda: in_transaction_block(connection, end))


def end_of_a_pipeline(connection: Any, end: Callable[[], None]) -> None:
    with connection.pipeline() as pipeline:
        connection.execute("SELECT 1")
        pipeline.sync()
        end()
        connection.execute("SELECT 1")


def rows_of_a_stream(connection: Any, end: Callable[[], None]) -> None:
    rows = connection.cursor().stream("SELECT repeat('x', 8192) FROM generate_series(1, 50000)")
    next(rows)
    end()
    for _ in rows:
        pass


def rows_of_a_copy(connection: Any, end: Callable[[], None]) -> None:
    with connection.cursor().copy("COPY (SELECT repeat('x', 8192) FROM generate_series(1, 50000)) TO STDOUT") as copy:
        copy.read()
        end()
        for _ in copy:
            pass


def end_of_a_copy(connection: Any, end: Callable[[], None]) -> None:
    with connection.cursor().copy("COPY public.copied FROM STDIN") as copy:
        copy.write_row((1,))
        end()


@pytest.mark.parametrize(
    "call",
    [
        commit,
        rollback,
        end_of_a_transaction_block,
        end_of_a_nested_transaction_block,
        end_of_a_pipeline,
        rows_of_a_stream,
        rows_of_a_copy,
        end_of_a_copy,
    ],
    ids=lambda call: call.__name__,
)
def test_a_loss_in_the_middle_of_the_work_fails_over(
    cluster: LocalCluster, connect: Connect, call: Callable[[Any, Callable[[], None]], None]
) -> None:
    fresh_table(cluster, "copied")
    connection = connect(cluster, autocommit=False)
    host, process = connection._session.host.host, connection.info.backend_pid
    with pytest.raises(TransactionResolutionUnknownError):
        call(connection, lambda: at_server(cluster, host, f"SELECT pg_terminate_backend({process}, 20000)"))
    assert_on_true_writer(cluster, connection)


SERVER_CURSOR_CALLS: dict[str, Callable[[Any], object]] = {
    "fetchone": lambda cursor: cursor.fetchone(),
    "fetchmany": lambda cursor: cursor.fetchmany(2),
    "fetchall": lambda cursor: cursor.fetchall(),
    "iteration": list,
    "scroll": lambda cursor: cursor.scroll(10),
}


@pytest.mark.parametrize("call", SERVER_CURSOR_CALLS)
def test_every_call_of_a_server_side_cursor_fails_over(cluster: LocalCluster, connect: Connect, call: str) -> None:
    connection = connect(cluster, autocommit=False)
    cursor = connection.cursor("named", scrollable=True)
    cursor.execute("SELECT generate_series(1, 1000)")
    end_backend(cluster, connection)
    with pytest.raises(TransactionResolutionUnknownError):
        SERVER_CURSOR_CALLS[call](cursor)
    cursor.close()
    assert_on_true_writer(cluster, connection)


# What is no reason to fail over


def assert_untouched(connection: AwsWrapperConnection, before: Any) -> None:
    assert connection.target_connection is before
    assert not connection.closed
    assert value(connection, "SELECT 1") == 1


def test_a_statement_timeout_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    before = connection.target_connection
    connection.execute("SET statement_timeout = '50ms'")
    with pytest.raises(psycopg.errors.QueryCanceled) as caught:
        connection.execute("SELECT pg_sleep(60)")
    assert type(caught.value) is psycopg.errors.QueryCanceled
    assert caught.value.sqlstate == "57014"
    assert_untouched(connection, before)


def test_a_cancelled_statement_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    before = connection.target_connection
    running = Background(connection.execute, "SELECT pg_sleep(60)")
    eventually(lambda: at_server(cluster, cluster.writer.name, SLEEPERS))
    connection.cancel()
    with pytest.raises(psycopg.errors.QueryCanceled) as caught:
        running.result()
    assert type(caught.value) is psycopg.errors.QueryCanceled
    assert_untouched(connection, before)


def test_a_lock_timeout_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "locked")
    connection = connect(cluster)
    before = connection.target_connection
    connection.execute("SET lock_timeout = '50ms'")
    with connect(cluster, autocommit=False) as holder:
        holder.execute(f"LOCK TABLE {table}")
        with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
            connection.execute(f"SELECT * FROM {table}")
    assert caught.value.sqlstate == "55P03"
    assert_untouched(connection, before)


def test_a_unique_violation_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "distinct_rows")
    connection = connect(cluster)
    before = connection.target_connection
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert type(caught.value) is psycopg.errors.UniqueViolation
    assert (caught.value.sqlstate, caught.value.diag.table_name) == ("23505", "distinct_rows")
    assert caught.value.__cause__ is None
    assert_untouched(connection, before)


def test_an_interrupted_statement_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    before = connection.target_connection

    def interrupt() -> None:
        eventually(lambda: at_server(cluster, cluster.writer.name, SLEEPERS))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before_handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in the background
    try:
        interrupting = Background(interrupt)
        with pytest.raises(KeyboardInterrupt):
            connection.execute("SELECT pg_sleep(60)")
        interrupting.result()
    finally:
        signal.signal(signal.SIGINT, before_handler)
    assert_untouched(connection, before)


def test_an_error_of_the_programs_own_making_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    before = connection.target_connection
    with pytest.raises(psycopg.ProgrammingError) as caught:
        connection.execute("SELECT %s", ())
    assert type(caught.value) is psycopg.ProgrammingError
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM no_such_table")
    assert_untouched(connection, before)


def test_what_the_server_says_of_connections_of_its_own_passes_unchanged(
    cluster: LocalCluster, connect: Connect
) -> None:
    """As foreign tables and `dblink` do when their server cannot be reached."""
    connection = connect(cluster)
    before = connection.target_connection
    with pytest.raises(psycopg.errors.ConnectionFailure) as caught:
        connection.execute("DO $$ BEGIN RAISE 'could not connect to the other one' USING ERRCODE = '08006'; END $$")
    assert type(caught.value) is psycopg.errors.ConnectionFailure
    assert_untouched(connection, before)


def test_a_transaction_that_the_program_made_read_only_is_left_alone(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "read_only_by_choice")
    connection = connect(cluster)
    before = connection.target_connection
    connection.read_only = True
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as caught:
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert caught.value.sqlstate == "25006"
    assert_untouched(connection, before)


@pytest.mark.parametrize("endpoint", ["reader endpoint", "instance endpoint"])
def test_writing_on_a_reader_by_choice_is_an_error(cluster: LocalCluster, connect: Connect, endpoint: str) -> None:
    table = fresh_table(cluster, "written_on_a_reader")
    host = cluster.reader_endpoint if endpoint == "reader endpoint" else cluster.readers[0].host
    connection = connect(cluster, host)
    before = connection.target_connection
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert_untouched(connection, before)


def test_a_connection_that_the_program_closed_stays_closed(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="the connection is closed") as caught:
        connection.execute("SELECT 1")
    assert type(caught.value) is psycopg.OperationalError
    assert connection.closed
