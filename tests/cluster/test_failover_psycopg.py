"""Failover through what only psycopg has, and errors of PostgreSQL's that are no reason for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from aws_advanced_python_wrapper import FailoverSuccessError, TransactionResolutionUnknownError
from cluster.engines import POSTGRESQL
from cluster.support import Background, assert_on_true_writer, at_server, end_process, fresh_table, interrupt_the_test
from cluster.test_failover import assert_untouched, end_backend
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

SLEEPERS = POSTGRESQL.sleepers.format(60)


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
        call(connection, lambda: end_process(cluster, host, process))
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
        interrupt_the_test()

    interrupting = Background(interrupt)
    with pytest.raises(KeyboardInterrupt):
        connection.execute("SELECT pg_sleep(60)")
    interrupting.result()
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
