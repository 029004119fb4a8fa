"""Errors on demand on real servers: to the program, and to failover, they are what a real one would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsConnectError, FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.connect_time_plugin import ConnectTimePlugin
from aws_advanced_python_wrapper.developer_plugin import ExceptionSimulatorManager
from aws_advanced_python_wrapper.execute_time_plugin import ExecuteTimePlugin
from cluster.drivers import both_engines
from cluster.engines import POSTGRESQL
from cluster.support import assert_on_true_writer, execute, instance_of, process_of, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = both_engines

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
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.drivers("postgresql")
def test_a_network_error_of_psycopgs_makes_a_real_failover(
    cluster: LocalCluster, connect: Connect, error: Exception
) -> None:
    check_that_it_makes_a_failover(cluster, connect, error)


@pytest.mark.parametrize("number", [2006, 2013, 2055, 4031, 1053])
@pytest.mark.drivers("mysql")
def test_a_network_error_of_mysqls_makes_a_real_failover(
    cluster: LocalCluster, connect: Connect, driver: Driver, number: int
) -> None:
    check_that_it_makes_a_failover(cluster, connect, raised_by(driver, number, "simulated"))


def test_an_error_of_this_drivers_makes_a_real_failover(cluster: LocalCluster, connect: Connect) -> None:
    check_that_it_makes_a_failover(cluster, connect, AwsConnectError("simulated"))


def raised_by(driver: Driver, number: int, text: str, kind: str = "OperationalError") -> Exception:
    """Return an error as a MySQL driver raises it."""
    error: Exception = getattr(driver.module, kind)(*((number, text) if driver.name == "aiomysql" else (text, number)))
    return error


def lost(driver: Driver) -> Exception:
    """Return the driver's error for a connection that is lost."""
    return (
        psycopg.OperationalError("simulated") if driver.engine is POSTGRESQL else raised_by(driver, 2013, "simulated")
    )


def check_that_it_makes_a_failover(cluster: LocalCluster, connect: Connect, error: Exception) -> None:
    connection = connect(cluster, plugins=WITH_FAILOVER)
    before, given_up = process_of(connection), connection.target_connection
    ExceptionSimulatorManager.raise_exception_on_next_method(error, "Cursor.execute")
    cursor = connection.cursor()
    with pytest.raises(FailoverSuccessError) as caught:
        cursor.execute("SELECT 1")
    assert caught.value.__cause__ is error
    assert connection._session.adapter.is_closed(given_up)
    assert process_of(connection) != before
    assert_on_true_writer(cluster, connection)


def test_a_network_error_in_a_transaction_leaves_it_unresolved(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, plugins=WITH_FAILOVER, autocommit=False)
    execute(connection, driver.engine.begin)
    ExceptionSimulatorManager.raise_exception_on_next_method(lost(driver), "Connection.commit")
    with pytest.raises(TransactionResolutionUnknownError):
        connection.commit()
    execute(connection, "SELECT 1")
    connection.commit()


def test_an_error_that_says_nothing_of_the_network_leaves_the_connection(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, plugins=WITH_FAILOVER)
    before = process_of(connection)
    error: Exception = psycopg.errors.UniqueViolation("simulated")
    if driver.engine is not POSTGRESQL:
        error = raised_by(driver, 1062, "simulated", "IntegrityError")
    ExceptionSimulatorManager.raise_exception_on_next_method(error)
    with pytest.raises(driver.module.IntegrityError) as caught:
        execute(connection, "SELECT 1")
    assert caught.value is error
    assert process_of(connection) == before


def test_the_next_connection_fails_as_without_this_driver(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    error = lost(driver)
    ExceptionSimulatorManager.raise_exception_on_next_connect(error)
    with pytest.raises(driver.module.OperationalError) as caught:
        connect(cluster, plugins="dev")
    assert caught.value is error
    assert value(connect(cluster, plugins="dev"), "SELECT 1") == 1


def test_connect_failover_makes_up_for_a_connection_that_fails(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connect(cluster, plugins=WITH_FAILOVER)
    ExceptionSimulatorManager.raise_exception_on_next_connect(lost(driver))
    connection = connect(cluster, cluster.writer.host, plugins=WITH_FAILOVER, enable_connect_failover=True)
    assert instance_of(connection) == cluster.writer.name


def test_times_of_real_connections_and_calls_add_up(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    ConnectTimePlugin.reset_connect_time()
    ExecuteTimePlugin.reset_execute_time()
    connection = connect(cluster, plugins="failover,connect_time,execute_time")
    execute(connection, driver.engine.sleep.format(0.05))
    assert ExecuteTimePlugin.execute_time >= 50e6
    assert ConnectTimePlugin.connect_time > 0
