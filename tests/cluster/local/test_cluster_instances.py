"""Single instances: pausing, killing, restarting, adding and removing them; and the endpoints that follow."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from aws_advanced_python_wrapper.local import Instance, LocalCluster, LocalClusterError
from aws_advanced_python_wrapper.local.names.hosts_file import read

Eventually = Callable[..., Any]


def answers(cluster: LocalCluster, instance: Instance) -> bool:
    try:
        psycopg.connect(cluster.conninfo(instance.host), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def write(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(cluster.writer.host), connect_timeout=5, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '10s'")
        connection.execute("CREATE TABLE IF NOT EXISTS written (n int)")
        connection.execute("INSERT INTO written VALUES (1)")


def test_a_paused_reader_hangs_and_holds_nobody_up(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    reader = cluster.readers[0]
    cluster.pause(reader)
    assert cluster.instance(reader.name).state == "paused"
    with socket.create_connection((reader.address, reader.port), timeout=1) as hanging:
        hanging.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
        with pytest.raises(TimeoutError):
            hanging.recv(1)
    write(cluster)
    with pytest.raises(LocalClusterError, match="cannot be paused, it is paused"):
        cluster.pause(reader)
    cluster.resume(reader)
    assert answers(cluster, reader)


def test_commits_do_not_wait_for_readers_that_are_gone(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    first, second = cluster.readers
    cluster.pause(first)
    cluster.kill(second)
    write(cluster)
    assert not answers(cluster, second)


def test_a_query_survives_a_pause(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    with psycopg.connect(cluster.conninfo(cluster.writer.host), autocommit=True) as connection:
        cluster.pause(cluster.writer)
        cluster.resume(cluster.writer)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_killed_reader_starts_again(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    reader = cluster.readers[0]
    cluster.kill(reader)
    assert cluster.instance(reader.name).state == "down"
    with pytest.raises(LocalClusterError, match="cannot be promoted, it is down"):
        cluster.failover(to=reader)
    cluster.start_instance(reader)
    assert answers(cluster, reader)


def test_a_reader_that_slept_through_a_failover_follows_the_new_writer(
    healthy_aurora_postgresql: LocalCluster,
) -> None:
    cluster = healthy_aurora_postgresql
    asleep, target = cluster.readers
    cluster.kill(asleep)
    cluster.failover(to=target, wait="all")
    write(cluster)
    cluster.start_instance(asleep)
    with cluster.connect_directly(target) as connection:
        followers = connection.execute("SELECT application_name FROM pg_stat_replication").fetchall()
    assert (asleep.name,) in followers


def test_killing_the_writer_promotes_nobody(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    writer = cluster.writer
    cluster.kill(writer)
    assert cluster.writer.name == writer.name
    assert cluster.failover().new_writer != writer.name


def test_reboot_keeps_the_roles(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    for instance in (cluster.writer, cluster.readers[0]):
        with psycopg.connect(cluster.conninfo(instance.host), autocommit=True) as connection:
            cluster.reboot(instance)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        assert answers(cluster, instance)
        assert cluster.instance(instance.name).role == instance.role
    write(cluster)


def test_readers_come_and_go(healthy_aurora_postgresql: LocalCluster, eventually: Eventually) -> None:
    cluster = healthy_aurora_postgresql
    cluster.set_delays(topology_delay=0.1)
    added = cluster.add_reader("reporting")
    assert answers(cluster, added)

    def known() -> set[str]:
        with psycopg.connect(cluster.conninfo(cluster.writer.host)) as connection:
            return {name for (name,) in connection.execute("SELECT server_id FROM aurora_replica_status()")}

    eventually(lambda: "reporting" in known())
    with pytest.raises(LocalClusterError, match="already"):
        cluster.add_reader("reporting")
    cluster.remove_reader(added)
    eventually(lambda: "reporting" not in known())
    assert added.host not in read(cluster.hosts_file)
    with pytest.raises(LocalClusterError, match="is the writer: fail over first"):
        cluster.remove_reader(cluster.writer)


def test_a_server_that_dies_by_itself_is_noticed(
    healthy_aurora_postgresql: LocalCluster, eventually: Eventually
) -> None:
    cluster = healthy_aurora_postgresql
    reader = cluster.readers[0]
    with cluster.connect_directly(reader) as connection:
        connection.execute("SET client_min_messages = error")
        [(data,)] = connection.execute("SHOW data_directory").fetchall()
    with open(f"{data}/postmaster.pid") as file:  # noqa: PTH123
        import os
        import signal

        os.kill(int(file.readline()), signal.SIGQUIT)
    eventually(lambda: cluster.instance(reader.name).state == "down")
    write(cluster)


def test_the_writer_endpoint_follows_late(healthy_aurora_postgresql: LocalCluster, eventually: Eventually) -> None:
    cluster = healthy_aurora_postgresql
    cluster.set_delays(dns_delay=1.5)
    old, new = cluster.writer, cluster.readers[0]
    result = cluster.failover(to=new)
    assert read(cluster.hosts_file)[cluster.writer_endpoint] == old.address
    eventually(lambda: read(cluster.hosts_file)[cluster.writer_endpoint] == new.address)
    assert time.monotonic() - result.writer_accepts >= 1.4
    assert socket.gethostbyname(cluster.writer_endpoint) == new.address


def test_the_reader_endpoint_takes_turns(healthy_aurora_postgresql: LocalCluster, eventually: Eventually) -> None:
    cluster = healthy_aurora_postgresql
    cluster.set_delays(dns_delay=0.1)
    for reader in cluster.readers:
        eventually(lambda reader=reader: socket.gethostbyname(cluster.reader_endpoint) == reader.address)
    for reader in cluster.readers:
        cluster.kill(reader)
    eventually(lambda: socket.gethostbyname(cluster.reader_endpoint) == cluster.writer.address)


def test_custom_endpoints_and_records_that_lie(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
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


def test_restore_puts_everything_back(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
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
    assert all(answers(cluster, instance) for instance in cluster.instances)
    assert socket.gethostbyname(cluster.writer_endpoint) == cluster.writer.address
    assert cluster.writer.proxy.counters().total <= 1
    write(cluster)


def test_what_it_shows(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    writer = cluster.writer
    assert repr(writer) == f"<Instance {writer.name} writer running {writer.address}:{cluster.port}>"
    assert cluster.password not in repr(cluster) + repr(cluster.settings) + repr(cluster.instances)
    with pytest.raises(LocalClusterError, match="no such delay"):
        cluster.set_delays(patience=1)
    with pytest.raises(LocalClusterError, match=r"does not know \['size'\]: there are database, deployment"):
        LocalCluster(size=3)
