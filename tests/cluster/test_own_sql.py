"""What the driver asks by itself, on whatever occasion, leaves the program's transactions as they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from aws_advanced_python_wrapper import FailoverSuccessError
from cluster.support import at_server, execute, fresh_table, is_in_transaction, process_of, value
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

# All that asks anything does so as often as it can.
BUSY: dict[str, Any] = {
    "plugins": (
        "aurora_connection_tracker,read_write_splitting,failover,host_monitoring,fastest_response_strategy,connect_time"
    ),
    "topology_refresh_ms": 20,
    "failure_detection_time_ms": 0,
    "failure_detection_interval_ms": 200,
    "response_measurement_interval_ms": 20,
    "topology-monitoring-application_name": "busy_topology",
    "frt-application_name": "busy_response",
    "monitoring-application_name": "busy_health",
    "application_name": "of_the_program",
}
BACKGROUND = "application_name IN ('busy_topology', 'busy_response')"


def status(connection: Any) -> TransactionStatus:
    found: TransactionStatus = connection.info.transaction_status
    return found


def test_no_occasion_opens_a_transaction(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False, **BUSY)
    seen = {"connected": status(connection)}
    for read_only in (True, False, True, False):
        connection.read_only = read_only
        seen[f"read_only {read_only}"] = status(connection)
    connection.set_schema("public")
    seen["set_schema"] = status(connection)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    seen["failed over"] = status(connection)
    assert seen == dict.fromkeys(seen, TransactionStatus.IDLE)


def test_a_transaction_goes_on_while_the_driver_asks(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "going_on")
    connection: Any = connect(cluster, autocommit=False, **BUSY)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    began = value(connection, "SELECT pg_catalog.txid_current()")
    checks = f"SELECT count(*) FROM pg_stat_activity WHERE {BACKGROUND} AND query_start > pg_postmaster_start_time()"
    eventually(lambda: at_server(cluster, cluster.writer.name, checks) == 2)
    connection.execute("SELECT pg_sleep(0.5)")
    assert status(connection) == TransactionStatus.INTRANS
    assert value(connection, "SELECT pg_catalog.txid_current()") == began
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert status(connection) == TransactionStatus.INERROR
    connection.rollback()
    assert value(connection, f"SELECT count(*) FROM {table}") == 0


@pytest.mark.drivers("mysql")
def test_a_transaction_goes_on_while_the_driver_asks_mysql(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    table = fresh_table(cluster, "going_on")
    ours = {name: setting for name, setting in BUSY.items() if "application_name" not in name}
    connection: Any = connect(cluster, autocommit=False, **ours)
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    process = process_of(connection)
    transaction = f"SELECT trx_id FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {process}"
    began = at_server(cluster, cluster.writer.name, transaction)
    others = f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{cluster.user}' AND id <> {process}"
    eventually(lambda: at_server(cluster, cluster.writer.name, others) > 1)
    value(connection, driver.engine.sleep.format(0.5))
    assert is_in_transaction(connection)
    with pytest.raises(driver.module.IntegrityError):
        execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert is_in_transaction(connection)
    assert at_server(cluster, cluster.writer.name, transaction) == began
    connection.rollback()
    assert value(connection, f"SELECT count(*) FROM {table}") == 0


def test_the_drivers_own_connections_are_in_no_transaction(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False, **BUSY)
    states = f"SELECT pg_catalog.array_agg(DISTINCT state) FROM pg_stat_activity WHERE {BACKGROUND}"
    eventually(lambda: at_server(cluster, cluster.writer.name, states))
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        connection.execute("SELECT 1")
        connection.rollback()
        assert set(at_server(cluster, cluster.writer.name, states)) <= {"idle", "active"}
