"""Failovers of a real cluster."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Callable


def one(conninfo: str, sql: str) -> Any:
    with psycopg.connect(conninfo, connect_timeout=5, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()[0][0]


def ask_for_ever(connection: psycopg.Connection[Any]) -> None:
    while True:
        connection.execute("SELECT 1")


@pytest.mark.parametrize("kind", ["crash", "graceful"])
def test_failover_moves_the_writer_and_brings_the_old_one_back(
    healthy_aurora_postgresql: LocalCluster, kind: Any
) -> None:
    cluster = healthy_aurora_postgresql
    old = cluster.writer
    connections = [psycopg.connect(cluster.conninfo(i.host), autocommit=True) for i in cluster.instances]
    began = time.monotonic()
    result = cluster.failover(kind=kind, wait="all")
    assert began <= result.began <= result.writer_accepts <= time.monotonic()
    assert (result.old_writer, result.kind) == (old.name, kind)
    assert cluster.writer.name == result.new_writer != old.name
    assert [i.state for i in cluster.instances] == ["running"] * 3
    assert one(cluster.conninfo(cluster.writer.host), "SELECT pg_is_in_recovery()") is False
    assert one(cluster.conninfo(old.host), "SELECT pg_is_in_recovery()") is True
    for connection in connections:  # every instance drops its connections
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()


def test_a_hanging_writer_is_replaced_and_fenced(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    cluster.set_delays(hang_detection=1.0)
    old = cluster.writer
    outcome: list[float | BaseException] = []
    with psycopg.connect(cluster.conninfo(old.host), autocommit=True) as connection:
        connection.execute("SELECT 1")

        def failover() -> None:
            outcome.append(cluster.failover(kind="hang").seconds)

        thread = threading.Thread(target=failover)
        thread.start()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            ask_for_ever(connection)
        assert time.monotonic() - began > 0.9, "a hanging server gives no sign until it is fenced"
        thread.join()
    assert isinstance(outcome[0], float)
    assert 1.0 <= outcome[0] < 10
    cluster.wait_settled()
    assert cluster.instance(old.name).role == "reader"


def test_failover_to_a_named_reader_and_mistakes(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    with pytest.raises(LocalClusterError, match="is the writer already"):
        cluster.failover(to=cluster.writer)
    with pytest.raises(LocalClusterError, match="no instance 'nobody': there are demo-instance-1"):
        cluster.failover(to="nobody")
    with pytest.raises(LocalClusterError, match="choose crash, graceful, hang"):
        cluster.failover(kind="slow")  # type: ignore[arg-type]
    target = cluster.readers[1]
    assert cluster.failover(to=target).new_writer == target.name


def test_a_reader_that_is_behind_catches_up_before_it_is_promoted(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    target = cluster.readers[1]
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS behind (n int)")
        connection.execute("TRUNCATE behind")
        cluster.pause(target)
        connection.execute("INSERT INTO behind SELECT generate_series(1, 200000)")
        cluster.resume(target)
    assert cluster.failover(to=target).new_writer == target.name
    assert one(cluster.conninfo(target.host), "SELECT count(*) FROM behind") == 200000


def test_every_instance_refuses_for_the_restart_time(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    cluster.set_delays(restart_time=1.5)
    new, bystander = cluster.readers
    began = time.monotonic()
    cluster.failover(to=new)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((bystander.address, bystander.port), timeout=5)
    assert one(cluster.conninfo(new.host), "SELECT 1") == 1
    while True:
        try:
            socket.create_connection((bystander.address, bystander.port), timeout=5).close()
            break
        except ConnectionRefusedError:
            assert time.monotonic() - began < 20
    assert time.monotonic() - began >= 1.5


def test_failovers_in_quick_succession(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    writers = [cluster.failover().new_writer for _ in range(4)]
    assert all(first != second for first, second in pairwise(writers))
    cluster.wait_settled()
    assert [i.state for i in cluster.instances] == ["running"] * 3
    events = [event.what for event in cluster.history()][-50:]
    assert events.count("failover") >= 4


def test_no_confirmed_row_is_lost_in_crashes(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept (n int PRIMARY KEY)")
    confirmed: list[int] = []
    done = threading.Event()

    numbers = count(1)

    def write() -> None:
        with suppress(psycopg.Error):
            conninfo = cluster.conninfo(cluster.writer.host, connect_timeout=2)
            with psycopg.connect(conninfo, autocommit=True) as connection:
                while not done.is_set():
                    n = next(numbers)
                    connection.execute("INSERT INTO kept VALUES (%s)", (n,))
                    confirmed.append(n)

    def write_for_ever() -> None:
        while not done.is_set():
            write()
            time.sleep(0.005)

    thread = threading.Thread(target=write_for_ever)
    thread.start()
    try:
        for kind in ("crash", "crash", "hang", "crash", "graceful"):
            reached = len(confirmed) + 100
            deadline = time.monotonic() + 20
            while len(confirmed) < reached:
                assert time.monotonic() < deadline, "writing does not go on"
                time.sleep(0.01)
            cluster.failover(kind=kind)
    finally:
        done.set()
        thread.join()
    with psycopg.connect(cluster.conninfo(cluster.writer.host)) as connection:
        kept = {n for (n,) in connection.execute("SELECT n FROM kept")}
    assert set(confirmed) <= kept


def test_two_instances_and_then_one(local_cluster_factory: Callable[..., LocalCluster]) -> None:
    cluster = local_cluster_factory(instances=2, name="pair")
    first, second = cluster.instances
    assert cluster.failover(wait="all").new_writer == second.name
    assert cluster.failover(wait="all").new_writer == first.name
    cluster.remove_reader(second)
    with psycopg.connect(cluster.conninfo(first.host), autocommit=True) as connection:
        connection.execute("CREATE TABLE alone (n int)")
        connection.execute("INSERT INTO alone VALUES (1)")
    for kind in ("crash", "graceful"):
        assert cluster.failover(kind=kind).new_writer == first.name
        assert one(cluster.conninfo(first.host), "SELECT n FROM alone") == 1
    cluster.stop()
