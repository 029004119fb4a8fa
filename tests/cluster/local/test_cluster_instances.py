"""Single instances: pausing, killing, restarting, adding and removing them; and the endpoints that follow."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest

from aws_advanced_python_wrapper.local import Instance, LocalCluster, LocalClusterError
from aws_advanced_python_wrapper.local.names.hosts_file import read
from cluster.local.plainly import connected, each_engine, rows, rows_of
from cluster.support import administrate, execute, login_role, value
from support.waiting import eventually

if TYPE_CHECKING:
    from cluster.drivers import Driver

pytestmark = each_engine

PID_FILE = {
    "postgresql": "SELECT setting || '/postmaster.pid' FROM pg_settings WHERE name = 'data_directory'",
    "mysql": "SELECT @@pid_file",
}

ANOTHER_PASSWORD = {
    "postgresql": "ALTER ROLE just_now PASSWORD 'another'",
    "mysql": "ALTER USER just_now IDENTIFIED BY 'another'",
}
MEMBERS = {
    "postgresql": "SELECT server_id FROM aurora_replica_status()",
    "mysql": "SELECT server_id FROM information_schema.replica_host_status",
}


def answers(driver: Driver, cluster: LocalCluster, instance: Instance) -> bool:
    try:
        rows(driver, cluster, "SELECT 1", instance.host, timeout=2)
    except driver.module.Error:
        return False
    return True


def write(driver: Driver, cluster: LocalCluster) -> None:
    with connected(driver, cluster, cluster.writer.host) as connection:
        execute(connection, "CREATE TABLE IF NOT EXISTS written (n int)")
        execute(connection, "INSERT INTO written VALUES (1)")


def test_a_paused_reader_hangs_and_holds_nobody_up(cluster: LocalCluster, driver: Driver) -> None:
    reader = cluster.readers[0]
    cluster.pause(reader)
    assert cluster.instance(reader.name).state == "paused"
    with socket.create_connection((reader.address, reader.port), timeout=1) as hanging:
        hanging.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
        with pytest.raises(TimeoutError):
            hanging.recv(1)
    write(driver, cluster)
    with pytest.raises(LocalClusterError, match="cannot be paused, it is paused"):
        cluster.pause(reader)
    cluster.resume(reader)
    assert answers(driver, cluster, reader)


def test_commits_do_not_wait_for_readers_that_are_gone(cluster: LocalCluster, driver: Driver) -> None:
    first, second = cluster.readers
    cluster.pause(first)
    cluster.kill(second)
    write(driver, cluster)
    assert not answers(driver, cluster, second)


def test_a_query_survives_a_pause(cluster: LocalCluster, driver: Driver) -> None:
    with connected(driver, cluster, cluster.writer.host) as connection:
        cluster.pause(cluster.writer)
        cluster.resume(cluster.writer)
        assert value(connection, "SELECT 1") == 1


def test_a_killed_reader_starts_again(cluster: LocalCluster, driver: Driver) -> None:
    reader = cluster.readers[0]
    cluster.kill(reader)
    assert cluster.instance(reader.name).state == "down"
    with pytest.raises(LocalClusterError, match="cannot be promoted, it is down"):
        cluster.failover(to=reader)
    cluster.start_instance(reader)
    assert answers(driver, cluster, reader)


def test_a_reader_that_slept_through_a_failover_follows_the_new_writer(cluster: LocalCluster, driver: Driver) -> None:
    asleep, target = cluster.readers
    cluster.kill(asleep)
    cluster.failover(to=target, wait="all")
    with connected(driver, cluster, target.host) as connection:
        execute(connection, "DROP TABLE IF EXISTS slept")
        execute(connection, "CREATE TABLE slept (n int)")
    cluster.start_instance(asleep)
    with connected(driver, cluster, target.host) as connection:
        execute(connection, "INSERT INTO slept VALUES (1)")
    eventually(lambda: rows(driver, cluster, "SELECT n FROM slept", asleep.host) == [(1,)])


def test_killing_the_writer_promotes_nobody(cluster: LocalCluster) -> None:
    writer = cluster.writer
    cluster.kill(writer)
    assert cluster.writer.name == writer.name
    assert cluster.failover().new_writer != writer.name


def test_reboot_keeps_the_roles(cluster: LocalCluster, driver: Driver) -> None:
    for instance in (cluster.writer, cluster.readers[0]):
        with connected(driver, cluster, instance.host) as connection:
            cluster.reboot(instance)
            with pytest.raises(driver.module.Error):
                value(connection, "SELECT 1")
        assert answers(driver, cluster, instance)
        assert cluster.instance(instance.name).role == instance.role
    write(driver, cluster)


def test_users_can_be_changed_as_soon_as_the_writer_is_back(cluster: LocalCluster) -> None:
    cluster.kill(cluster.writer)
    cluster.start_instance(cluster.writer)
    with login_role(cluster, "just_now", "secret"):
        cluster.reboot(cluster.writer)
        administrate(cluster, ANOTHER_PASSWORD[cluster.settings.engine])


def test_readers_come_and_go(cluster: LocalCluster, driver: Driver) -> None:
    cluster.set_delays(topology_delay=0.1)
    added = cluster.add_reader("reporting")
    assert answers(driver, cluster, added)

    def known() -> set[str]:
        return {name for (name,) in rows(driver, cluster, MEMBERS[driver.engine.name], cluster.writer.host)}

    eventually(lambda: "reporting" in known())
    with pytest.raises(LocalClusterError, match="already"):
        cluster.add_reader("reporting")
    cluster.remove_reader(added)
    eventually(lambda: "reporting" not in known())
    assert added.host not in read(cluster.hosts_file)
    with pytest.raises(LocalClusterError, match="is the writer: fail over first"):
        cluster.remove_reader(cluster.writer)


def test_a_server_that_dies_by_itself_is_noticed(cluster: LocalCluster, driver: Driver) -> None:
    reader = cluster.readers[0]
    with closing(cluster.connect_directly(reader)) as connection:
        [(path,)] = rows_of(connection, PID_FILE[driver.engine.name])
    os.kill(int(Path(path).read_text().splitlines()[0]), signal.SIGQUIT)
    eventually(lambda: cluster.instance(reader.name).state == "down")
    write(driver, cluster)


def test_the_writer_endpoint_follows_late(cluster: LocalCluster) -> None:
    cluster.set_delays(dns_delay=1.5)
    old, new = cluster.writer, cluster.readers[0]
    result = cluster.failover(to=new)
    assert read(cluster.hosts_file)[cluster.writer_endpoint] == old.address
    eventually(lambda: read(cluster.hosts_file)[cluster.writer_endpoint] == new.address)
    assert time.monotonic() - result.writer_accepts >= 1.4
    assert socket.gethostbyname(cluster.writer_endpoint) == new.address


def test_the_reader_endpoint_takes_turns(cluster: LocalCluster) -> None:
    cluster.set_delays(dns_delay=0.1)
    for reader in cluster.readers:
        eventually(lambda: socket.gethostbyname(cluster.reader_endpoint) == reader.address)  # noqa: B023 - here and now
    for reader in cluster.readers:
        cluster.kill(reader)
    eventually(lambda: socket.gethostbyname(cluster.reader_endpoint) == cluster.writer.address)


def test_custom_endpoints_and_records_that_lie(cluster: LocalCluster) -> None:
    writer, reader = cluster.writer, cluster.readers[1]
    host = cluster.custom_endpoint("analytics", [reader])
    assert host.startswith("analytics.cluster-custom-")
    assert socket.gethostbyname(host) == reader.address
    cluster.set_dns(cluster.writer_endpoint, reader)
    assert socket.gethostbyname(cluster.writer_endpoint) == reader.address
    cluster.set_dns(cluster.writer_endpoint, None)
    assert socket.gethostbyname(cluster.writer_endpoint) == writer.address
    with pytest.raises(LocalClusterError, match="no record 'nowhere'"):
        cluster.set_dns("nowhere", reader)


def test_restore_puts_everything_back(cluster: LocalCluster, driver: Driver) -> None:
    cluster.set_delays(dns_delay=9, topology_delay=9)
    cluster.failover()
    cluster.add_reader()
    cluster.kill(cluster.writer)
    running = [reader for reader in cluster.readers if reader.state == "running"]
    cluster.pause(running[0])
    running[-1].proxy.refuse()
    running[-1].proxy.delay(to_client=5)
    cluster.set_dns(cluster.reader_endpoint, cluster.writer)
    cluster.restore()
    assert [i.state for i in cluster.instances] == ["running"] * 3
    assert all(answers(driver, cluster, instance) for instance in cluster.instances)
    assert socket.gethostbyname(cluster.writer_endpoint) == cluster.writer.address
    assert cluster.writer.proxy.counters().total <= 1
    write(driver, cluster)


@pytest.mark.drivers("mysql-c")
def test_restore_helps_a_writer_that_waits_for_its_readers_in_vain(cluster: LocalCluster, driver: Driver) -> None:
    with ExitStack() as stack:
        stack.enter_context(login_role(cluster, "just_now", "secret"))
        for reader in cluster.readers:
            execute(stack.enter_context(closing(cluster.connect_directly(reader))), "STOP REPLICA IO_THREAD")
        waiting, watching = (stack.enter_context(closing(cluster.connect_directly(cluster.writer))) for _ in range(2))
        errors: list[Exception] = []

        def change() -> None:
            try:
                execute(waiting, ANOTHER_PASSWORD["mysql"])
            except pymysql.err.OperationalError as error:
                errors.append(error)

        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        eventually(lambda: "semi-sync ACK" in str(rows_of(watching, "SHOW PROCESSLIST")))
        cluster.restore()
        thread.join()
        assert "Lost connection" in str(errors)
    write(driver, cluster)


def test_what_it_shows(cluster: LocalCluster) -> None:
    writer = cluster.writer
    assert repr(writer) == f"<Instance {writer.name} writer running {writer.address}:{cluster.port}>"
    assert cluster.password not in repr(cluster) + repr(cluster.settings) + repr(cluster.instances)
    with pytest.raises(LocalClusterError, match="no such delay"):
        cluster.set_delays(patience=1)
    with pytest.raises(LocalClusterError, match=r"does not know \['size'\]: there are \w+, database, deployment"):
        LocalCluster(size=3)
