"""Errors on demand on real servers: to the program, and to failover, they are what a real one would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsConnectError, FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.connect_time_plugin import ConnectTimePlugin
from aws_advanced_python_wrapper.developer_plugin import ExceptionSimulatorManager
from aws_advanced_python_wrapper.execute_time_plugin import ExecuteTimePlugin
from cluster.support import WHO, assert_on_true_writer, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

WITH_FAILOVER = "aurora_connection_tracker,failover,host_monitoring,dev"


@pytest.fixture(autouse=True)
def _no_errors_left() -> Iterator[None]:
    yield
    ExceptionSimulatorManager.clear()


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("simulated: server closed the connection unexpectedly"),
        psycopg.errors.ConnectionFailure("simulated"),
        psycopg.errors.AdminShutdown("simulated"),
        AwsConnectError("simulated"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_network_error_makes_a_real_failover(cluster: LocalCluster, connect: Connect, error: Exception) -> None:
    connection = connect(cluster, plugins=WITH_FAILOVER)
    pid, lost = value(connection, "SELECT pg_backend_pid()"), connection.target_connection
    ExceptionSimulatorManager.raise_exception_on_next_method(error, "Cursor.execute")
    cursor = connection.cursor()
    with pytest.raises(FailoverSuccessError) as caught:
        cursor.execute("SELECT 1")
    assert caught.value.__cause__ is error
    assert lost.closed
    assert value(connection, "SELECT pg_backend_pid()") != pid
    assert_on_true_writer(cluster, connection)


def test_a_network_error_in_a_transaction_leaves_it_unresolved(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins=WITH_FAILOVER, autocommit=False)
    connection.execute("SELECT 1")
    ExceptionSimulatorManager.raise_exception_on_next_method(psycopg.OperationalError("simulated"), "Connection.commit")
    with pytest.raises(TransactionResolutionUnknownError):
        connection.commit()
    connection.execute("SELECT 1")
    connection.commit()


def test_an_error_that_says_nothing_of_the_network_leaves_the_connection(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster, plugins=WITH_FAILOVER)
    pid = value(connection, "SELECT pg_backend_pid()")
    error = psycopg.errors.UniqueViolation("simulated")
    ExceptionSimulatorManager.raise_exception_on_next_method(error)
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        connection.execute("SELECT 1")
    assert caught.value is error
    assert value(connection, "SELECT pg_backend_pid()") == pid


def test_the_next_connection_fails_as_psycopg_would(cluster: LocalCluster, connect: Connect) -> None:
    error = psycopg.OperationalError("simulated: connection refused")
    ExceptionSimulatorManager.raise_exception_on_next_connect(error)
    with pytest.raises(psycopg.OperationalError) as caught:
        connect(cluster, plugins="dev")
    assert caught.value is error
    assert value(connect(cluster, plugins="dev"), "SELECT 1") == 1


def test_connect_failover_makes_up_for_a_connection_that_fails(cluster: LocalCluster, connect: Connect) -> None:
    connect(cluster, plugins=WITH_FAILOVER)
    ExceptionSimulatorManager.raise_exception_on_next_connect(psycopg.OperationalError("simulated"))
    connection = connect(cluster, cluster.writer.host, plugins=WITH_FAILOVER, enable_connect_failover=True)
    assert value(connection, WHO) == cluster.writer.name


def test_times_of_real_connections_and_calls_add_up(cluster: LocalCluster, connect: Connect) -> None:
    ConnectTimePlugin.reset_connect_time()
    ExecuteTimePlugin.reset_execute_time()
    connection = connect(cluster, plugins="failover,connect_time,execute_time")
    connection.execute("SELECT pg_sleep(0.05)")
    assert ExecuteTimePlugin.execute_time >= 50e6
    assert ConnectTimePlugin.connect_time > 0
