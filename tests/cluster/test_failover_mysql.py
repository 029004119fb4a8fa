"""Failover where MySQL is peculiar: what opens and ends transactions, and errors that are no reason for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverError, FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.cluster.host import HostRole
from cluster.support import (
    Background,
    assert_on_true_writer,
    at_server,
    engine_of,
    execute,
    fresh_table,
    interrupt_the_test,
    is_in_transaction,
    value,
)
from cluster.test_failover import assert_untouched, end_backend
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("mysql")

INTERRUPTED, TOO_LATE, LOCKED, DEADLOCK, DUPLICATE, READ_ONLY = 1317, 3024, 1205, 1213, 1062, 1792
NO_FOREIGN_SERVER = 1429
ENDLESS = "SELECT COUNT(*) FROM {0} a, {0} b, {0} c, {0} d".format("information_schema.collations")


def number_of(error: Any) -> int:
    """Return MySQL's number of an error."""
    return int(getattr(error, "errno", None) or error.args[0])


# What the program was in the middle of

INSERT, MAKE = "INSERT INTO {} VALUES (1)", "CREATE OR REPLACE VIEW made AS SELECT 1"
OUTSIDE: dict[str, tuple[bool, tuple[str, ...]]] = {
    "nothing was said": (False, ()),
    "no table was touched": (False, ("SELECT 1",)),
    "a session was set": (False, ("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",)),
    "a transaction was committed": (False, (INSERT, "COMMIT")),
    "a transaction was rolled back": (False, (INSERT, "ROLLBACK")),
    "DDL has committed": (True, ("BEGIN", INSERT, MAKE)),
    "every statement is committed": (True, (INSERT,)),
}
INSIDE: dict[str, tuple[bool, tuple[str, ...]]] = {
    "rows were written": (False, (INSERT,)),
    "rows were read": (False, ("SELECT * FROM {}",)),
    "BEGIN": (True, ("BEGIN",)),
    "START TRANSACTION": (True, ("START TRANSACTION",)),
    "START TRANSACTION READ ONLY": (True, ("START TRANSACTION READ ONLY", "SELECT * FROM {}")),
    "autocommit was switched off in SQL": (True, ("SET autocommit = 0", INSERT)),
    "the next transaction was begun": (False, (INSERT, "COMMIT AND CHAIN")),
    "a savepoint was returned to": (False, (INSERT, "SAVEPOINT one", INSERT, "ROLLBACK TO one")),
}


def lose(cluster: LocalCluster, connection: Any, statements: tuple[str, ...], expected: type[FailoverError]) -> None:
    """Run statements, lose the connection, and expect an outcome of the next statement."""
    table = fresh_table(cluster, "in_the_middle", "id int")
    for statement in statements:
        execute(connection, statement.format(table))
    end_backend(cluster, connection)
    with pytest.raises(FailoverError) as caught:
        execute(connection, "SELECT 1")
    assert isinstance(caught.value, expected)
    assert not is_in_transaction(connection)
    assert_on_true_writer(cluster, connection)


@pytest.mark.parametrize("what", OUTSIDE)
def test_outside_a_transaction_the_outcome_is_known(cluster: LocalCluster, connect: Connect, what: str) -> None:
    autocommit, statements = OUTSIDE[what]
    lose(cluster, connect(cluster, autocommit=autocommit), statements, FailoverSuccessError)


@pytest.mark.parametrize("what", INSIDE)
def test_inside_a_transaction_it_is_not(cluster: LocalCluster, connect: Connect, what: str) -> None:
    autocommit, statements = INSIDE[what]
    lose(cluster, connect(cluster, autocommit=autocommit), statements, TransactionResolutionUnknownError)


# What is no reason to fail over


def assert_passes(connection: Any, statement: str, number: int) -> None:
    """Check that an error of the server's reaches the program as the driver made it, and changes nothing."""
    before = connection.target_connection
    with pytest.raises(connection._session.adapter.failures) as caught:
        execute(connection, statement)
    assert number_of(caught.value) == number
    assert not type(caught.value).__module__.startswith("aws_advanced_python_wrapper")
    assert_untouched(connection, before)


def test_a_statement_timeout_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    execute(connection, "SET SESSION max_execution_time = 50")
    assert_passes(connection, ENDLESS, TOO_LATE)


def test_a_lock_timeout_passes_unchanged_and_leaves_the_transaction_open(
    cluster: LocalCluster, connect: Connect
) -> None:
    table = fresh_table(cluster, "locked")
    connection, holder = connect(cluster, autocommit=False), connect(cluster, autocommit=False)
    execute(holder, f"INSERT INTO {table} VALUES (1)")
    execute(connection, f"INSERT INTO {table} VALUES (2)")
    execute(connection, "SET SESSION innodb_lock_wait_timeout = 1")
    assert_passes(connection, f"INSERT INTO {table} VALUES (1)", LOCKED)
    assert is_in_transaction(connection)


def test_a_deadlock_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "dead_locked")
    first, second = connect(cluster, autocommit=False), connect(cluster, autocommit=False)
    execute(first, f"INSERT INTO {table} VALUES (1), (3), (5)")  # the second has less to undo
    execute(second, f"INSERT INTO {table} VALUES (2)")
    waiting = Background(execute, first, f"INSERT INTO {table} VALUES (2)")
    waits = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    eventually(lambda: at_server(cluster, cluster.writer.name, waits))
    assert_passes(second, f"INSERT INTO {table} VALUES (1)", DEADLOCK)
    waiting.result()


def test_a_unique_violation_passes_unchanged(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "distinct_rows")
    connection = connect(cluster)
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert_passes(connection, f"INSERT INTO {table} VALUES (1)", DUPLICATE)


def test_what_the_server_says_of_connections_of_its_own_passes_unchanged(
    cluster: LocalCluster, connect: Connect
) -> None:
    """As federated tables do when their server cannot be reached."""
    raising = f"SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = {NO_FOREIGN_SERVER}, MESSAGE_TEXT = 'the other one is lost'"
    assert_passes(connect(cluster), raising, NO_FOREIGN_SERVER)


@pytest.mark.parametrize("how", ["SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"])
def test_a_transaction_that_the_program_made_read_only_is_left_alone(
    cluster: LocalCluster, connect: Connect, how: str
) -> None:
    table = fresh_table(cluster, "read_only_by_choice")
    connection = connect(cluster)
    execute(connection, how)
    assert_passes(connection, f"INSERT INTO {table} VALUES (1)", READ_ONLY)


def test_the_answer_to_an_interrupted_statement_is_given_to_nobody(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster)
    # The C extension hears of signals only when it has its answer.
    seconds = 1 if driver.name == "mysql-c" else 3

    def interrupt() -> None:
        eventually(lambda: at_server(cluster, cluster.writer.name, engine_of(connection).sleepers.format(seconds)))
        interrupt_the_test()

    interrupting = Background(interrupt)
    with pytest.raises(KeyboardInterrupt):
        execute(connection, engine_of(connection).sleep.format(seconds)).fetchall()
    interrupting.result()
    if driver.name == "mysql-c":
        connection.consume_results()
    for number in (42, 43, 44):
        with suppress(FailoverSuccessError):
            assert value(connection, f"SELECT {number}") == number
    assert value(connection, "SELECT 45") == 45
    assert_on_true_writer(cluster, connection)


# A writer that was demoted and keeps its connections

REFUSED = {
    "a write": (True, (), "INSERT INTO {} VALUES (1)", FailoverSuccessError),
    "the first write": (False, (), "INSERT INTO {} VALUES (1)", FailoverSuccessError),
    "a write later on": (False, ("SELECT * FROM {}",), "INSERT INTO {} VALUES (1)", TransactionResolutionUnknownError),
    "a write after BEGIN": (True, ("BEGIN",), "INSERT INTO {} VALUES (1)", TransactionResolutionUnknownError),
    "a table": (True, (), "CREATE TABLE never_made (id int)", FailoverSuccessError),
    "read-only InnoDB": (True, (), "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1836", FailoverSuccessError),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_demoted_writer_refuses_leads_to_the_new_one(cluster: LocalCluster, connect: Connect, what: str) -> None:
    autocommit, before, refused, outcome = REFUSED[what]
    table = fresh_table(cluster, "demoted")
    connection = connect(cluster, cluster.readers[0].host, autocommit=autocommit)
    # As if this reader had been the writer when the connection was opened.
    connection._session.host = replace(connection._session.host, role=HostRole.WRITER)
    for statement in before:
        execute(connection, statement.format(table))
    with pytest.raises(outcome):
        execute(connection, refused.format(table))
    assert not is_in_transaction(connection)
    assert_on_true_writer(cluster, connection)
