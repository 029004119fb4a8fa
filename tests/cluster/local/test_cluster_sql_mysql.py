"""The SQL surface of Aurora MySQL, as an ordinary user sees it."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cluster.local.plainly import connected, rows, rows_of
from cluster.support import execute, login_role, value
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import Instance, LocalCluster
    from cluster.drivers import Driver

TOPOLOGY = """
    SELECT SERVER_ID, CASE WHEN SESSION_ID = 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, CPU,
           REPLICA_LAG_IN_MILLISECONDS, LAST_UPDATE_TIMESTAMP
      FROM information_schema.replica_host_status
     WHERE time_to_sec(timediff(now(), LAST_UPDATE_TIMESTAMP)) <= 300 OR SESSION_ID = 'MASTER_SESSION_ID'"""
IS_WRITER = """
    SELECT SERVER_ID FROM information_schema.replica_host_status
     WHERE SESSION_ID = 'MASTER_SESSION_ID' AND SERVER_ID = @@aurora_server_id"""
READ_ONLY = 1290
pytestmark = pytest.mark.drivers("mysql-c")


def writers_seen(driver: Driver, cluster: LocalCluster, instance: Instance) -> list[str]:
    return [row[0] for row in rows(driver, cluster, TOPOLOGY, instance.host) if row[1]]


def test_every_instance_knows_itself_and_the_others(cluster: LocalCluster, driver: Driver) -> None:
    names = {instance.name for instance in cluster.instances}
    for instance in cluster.instances:
        own = rows(driver, cluster, "SELECT @@aurora_server_id, @@innodb_read_only, @@read_only", instance.host)
        assert own == [(instance.name, not instance.is_writer, not instance.is_writer)]
        found = rows(driver, cluster, TOPOLOGY, instance.host)
        assert {row[0] for row in found} == names
        assert [row[0] for row in found if row[1]] == [cluster.writer.name]
        assert len(rows(driver, cluster, IS_WRITER, instance.host)) == instance.is_writer


def test_only_the_writer_takes_writes_of_the_master_user(cluster: LocalCluster, driver: Driver) -> None:
    for instance in cluster.instances:
        with connected(driver, cluster, instance.host) as connection:
            assert " SUPER" not in str(rows_of(connection, "SHOW GRANTS"))
            if instance.is_writer:
                execute(connection, "CREATE TABLE IF NOT EXISTS taken (n int)")
                continue
            with pytest.raises(driver.module.Error, match="--read-only option") as refused:
                execute(connection, "CREATE TABLE refused (n int)")
            assert refused.value.errno == READ_ONLY


def test_the_table_is_right_in_every_time_zone(cluster: LocalCluster, driver: Driver) -> None:
    dead = cluster.readers[0]
    cluster.kill(dead)
    age = (
        "SELECT TIMESTAMPDIFF(SECOND, LAST_UPDATE_TIMESTAMP, NOW(6)) FROM information_schema.replica_host_status "
        f"WHERE SERVER_ID = '{dead.name}'"
    )
    with connected(driver, cluster) as connection:
        for zone in ("+00:00", "-07:00", "+05:30"):
            execute(connection, f"SET time_zone = '{zone}'")
            assert 0 <= value(connection, age) < 60
            assert len(rows_of(connection, TOPOLOGY)) == 3
        eventually(lambda: value(connection, age) >= 1)


def test_a_dead_instance_stops_reporting(cluster: LocalCluster, driver: Driver) -> None:
    dead = cluster.readers[0]
    report = (
        "SELECT LAST_UPDATE_TIMESTAMP, IS_CURRENT FROM information_schema.replica_host_status "
        f"WHERE SERVER_ID = '{dead.name}'"
    )
    with connected(driver, cluster) as connection:
        [(_, current)] = rows_of(connection, report)
        assert current
        cluster.kill(dead)
        eventually(lambda: not rows_of(connection, report)[0][1])
        last = rows_of(connection, report)
        lag = f"SELECT REPLICA_LAG_IN_MILLISECONDS > 300 FROM ({TOPOLOGY}) AS hosts WHERE SERVER_ID = '{dead.name}'"
        eventually(lambda: value(connection, lag))
        assert rows_of(connection, report) == last


def test_an_instance_may_be_said_to_lag(cluster: LocalCluster, driver: Driver) -> None:
    reader = cluster.readers[0]
    lag = f"SELECT REPLICA_LAG_IN_MILLISECONDS FROM information_schema.replica_host_status WHERE SERVER_ID = '{reader}'"
    cluster.set_lag(reader, 4321.5)
    assert rows(driver, cluster, lag) == [(4321.5,)]
    cluster.set_lag(reader, None)
    assert rows(driver, cluster, lag)[0][0] < 1000


def test_tables_lag_after_a_failover_each_by_its_own_delay(cluster: LocalCluster, driver: Driver) -> None:
    old, new, other = cluster.writer, cluster.readers[0], cluster.readers[1]
    cluster.set_delays(topology_delay={new.name: 0.2, other.name: 2.0}, restart_time=0)
    result = cluster.failover(to=new)
    eventually(lambda: writers_seen(driver, cluster, new) == [new.name])
    assert writers_seen(driver, cluster, other) == [old.name], "the slow one still believes in the old writer"
    eventually(lambda: writers_seen(driver, cluster, other) == [new.name])
    assert time.monotonic() - result.writer_accepts >= 2.0


def test_an_ordinary_user_cannot_read_files_or_passwords(cluster: LocalCluster, driver: Driver) -> None:
    with connected(driver, cluster, cluster.readers[0].host) as connection:
        assert value(connection, "SELECT LOAD_FILE(CONCAT(@@secure_file_priv, 'topology.json'))") is None
        assert rows_of(connection, "SELECT User_name, User_password FROM mysql.slave_master_info") in ([], [("", "")])


def test_everybody_may_read_the_table_and_nothing_else(cluster: LocalCluster, driver: Driver) -> None:
    with login_role(cluster, "of_the_application", "secret"):
        cluster.wait_settled()
        for instance in cluster.instances:
            asked: dict[str, Any] = {"host": instance.host, "user": "of_the_application", "password": "secret"}
            assert len(rows(driver, cluster, TOPOLOGY, **asked)) == len(cluster.instances)
            for secret in ("mysql.user", "mysql.db", "mysql.aws_driver_local"):
                with pytest.raises(driver.module.Error, match="denied"):
                    rows(driver, cluster, f"SELECT * FROM {secret}", **asked)
            with pytest.raises(driver.module.Error, match=r"denied|read-only"):
                rows(driver, cluster, "CREATE TABLE aws_driver_local.mine (n int)", **asked)


def test_each_instance_has_a_machine_of_its_own_at_the_port_that_clients_use(
    cluster: LocalCluster, driver: Driver
) -> None:
    places = [rows(driver, cluster, "SELECT @@hostname, @@port", instance.host)[0] for instance in cluster.instances]
    assert [port for _, port in places] == [cluster.port] * len(cluster.instances)
    assert len({hostname for hostname, _ in places}) == len(cluster.instances)
    shown = rows(driver, cluster, "SHOW VARIABLES LIKE 'port'", cluster.writer.host)
    assert [int(port) for _, port in shown] == [cluster.port]


def test_a_login_may_wait_for_a_proxy_that_is_busy(cluster: LocalCluster, driver: Driver) -> None:
    assert rows(driver, cluster, "SELECT @@global.connect_timeout") == [(60,)]


def test_the_superuser_comes_over_the_servers_own_socket_only(cluster: LocalCluster, driver: Driver) -> None:
    with closing(cluster.connect_directly(cluster.writer)) as direct:
        assert value(direct, "SELECT CURRENT_USER()") == "rdsadmin@localhost"
    hosts = "SELECT User, Host FROM mysql.user WHERE Super_priv = 'Y' AND account_locked = 'N'"
    assert rows(driver, cluster, hosts) == [("rdsadmin", "localhost")]
