"""Failovers of a real cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError
from cluster.local.plainly import connected, each_engine, rows, servers, writes
from cluster.support import Background, execute, value
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.drivers import Driver

pytestmark = each_engine

_NUMBERS = "(WITH RECURSIVE one AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM one WHERE n < 450) SELECT n FROM one)"
MANY_NUMBERS = {
    "postgresql": "SELECT generate_series(1, 200000)",
    "mysql": f"SELECT a.n FROM {_NUMBERS} AS a, {_NUMBERS} AS b LIMIT 200000",
}


def ask_for_ever(connection: Any) -> None:
    while True:
        value(connection, "SELECT 1")


@pytest.mark.parametrize("kind", ["crash", "graceful"])
def test_failover_moves_the_writer_and_brings_the_old_one_back(
    cluster: LocalCluster, driver: Driver, kind: Any
) -> None:
    old = cluster.writer
    standing = ExitStack()
    connections = [standing.enter_context(connected(driver, cluster, i.host)) for i in cluster.instances]
    began = time.monotonic()
    result = cluster.failover(kind=kind, wait="all")
    assert began <= result.began <= result.writer_accepts <= time.monotonic()
    assert (result.old_writer, result.kind) == (old.name, kind)
    assert cluster.writer.name == result.new_writer != old.name
    assert [i.state for i in cluster.instances] == ["running"] * 3
    assert writes(driver, cluster, cluster.writer.host)
    assert not writes(driver, cluster, old.host)
    for connection in connections:  # every instance drops its connections
        with pytest.raises(driver.module.Error):
            value(connection, "SELECT 1")
    standing.close()


@pytest.mark.drivers("mysql-c")
def test_a_standby_that_does_not_answer_is_left_behind(cluster: LocalCluster, driver: Driver) -> None:
    silent, other = cluster.readers
    pid = int((cluster.directory / "nodes" / silent.name / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        assert cluster.failover(kind="crash", to=silent.name).new_writer == other.name
    finally:
        with suppress(ProcessLookupError):  # it is replaced meanwhile
            os.kill(pid, signal.SIGCONT)
    assert writes(driver, cluster, cluster.writer.host)
    cluster.wait_settled()
    assert [i.state for i in cluster.instances] == ["running"] * 3


@pytest.mark.drivers("mysql-c")
def test_a_writer_that_does_not_stop_writing_is_killed_and_the_log_says_so(cluster: LocalCluster) -> None:
    old = cluster.writer
    with closing(cluster.connect_directly(old)) as direct:
        execute(direct, "CREATE TABLE IF NOT EXISTS held (id INT PRIMARY KEY)")
        execute(direct, "LOCK TABLES held WRITE")
        cluster.failover(kind="graceful")
    log = (cluster.directory / "control" / "supervisor.log").read_text()
    assert f"{old.name} is killed in the midst of its work" in log


def test_a_hanging_writer_is_replaced_and_fenced(cluster: LocalCluster, driver: Driver) -> None:
    cluster.set_delays(hang_detection=1.0)
    old = cluster.writer
    outcome: list[float | BaseException] = []
    with connected(driver, cluster, old.host) as connection:
        value(connection, "SELECT 1")

        def failover() -> None:
            outcome.append(cluster.failover(kind="hang").seconds)

        thread = threading.Thread(target=failover)
        thread.start()
        began = time.monotonic()
        with pytest.raises(driver.module.Error):
            ask_for_ever(connection)
        assert time.monotonic() - began > 0.9, "a hanging server gives no sign until it is fenced"
        thread.join()
    assert isinstance(outcome[0], float)
    assert 1.0 <= outcome[0] < 10
    cluster.wait_settled()
    assert cluster.instance(old.name).role == "reader"


def test_failover_to_a_named_reader_and_mistakes(cluster: LocalCluster) -> None:
    with pytest.raises(LocalClusterError, match="is the writer already"):
        cluster.failover(to=cluster.writer)
    with pytest.raises(LocalClusterError, match=f"no instance 'nobody': there are {cluster.instances[0].name}"):
        cluster.failover(to="nobody")
    with pytest.raises(LocalClusterError, match="choose crash, graceful, hang"):
        cluster.failover(kind="slow")  # type: ignore[arg-type]
    target = cluster.readers[1]
    assert cluster.failover(to=target).new_writer == target.name


def test_a_reader_that_is_behind_catches_up_before_it_is_promoted(cluster: LocalCluster, driver: Driver) -> None:
    target = cluster.readers[1]
    with connected(driver, cluster) as connection:
        execute(connection, "DROP TABLE IF EXISTS behind")
        execute(connection, "CREATE TABLE behind (n int)")
        cluster.pause(target)
        execute(connection, f"INSERT INTO behind {MANY_NUMBERS[driver.engine.name]}")
        cluster.resume(target)
    assert cluster.failover(to=target).new_writer == target.name
    assert rows(driver, cluster, "SELECT count(*) FROM behind", target.host) == [(200000,)]


def test_every_instance_refuses_for_the_restart_time(cluster: LocalCluster, driver: Driver) -> None:
    cluster.set_delays(restart_time=1.5)
    new, bystander = cluster.readers
    began = time.monotonic()
    cluster.failover(to=new)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((bystander.address, bystander.port), timeout=5)
    assert rows(driver, cluster, "SELECT 1", new.host) == [(1,)]
    while True:
        try:
            socket.create_connection((bystander.address, bystander.port), timeout=5).close()
            break
        except ConnectionRefusedError:
            assert time.monotonic() - began < 20
    assert time.monotonic() - began >= 1.5


def test_failovers_in_quick_succession(cluster: LocalCluster) -> None:
    writers = [cluster.failover().new_writer for _ in range(4)]
    assert all(first != second for first, second in pairwise(writers))
    cluster.wait_settled()
    assert [i.state for i in cluster.instances] == ["running"] * 3
    events = [event.what for event in cluster.history()][-50:]
    assert events.count("failover") >= 4


def test_no_confirmed_row_is_lost_in_crashes(cluster: LocalCluster, driver: Driver) -> None:
    with connected(driver, cluster) as connection:
        execute(connection, "DROP TABLE IF EXISTS kept")
        execute(connection, "CREATE TABLE kept (n int PRIMARY KEY)")
    confirmed: list[int] = []
    done = threading.Event()

    numbers = count(1)

    def write() -> None:
        with suppress(driver.module.Error), connected(driver, cluster, cluster.writer.host, timeout=2) as connection:
            while not done.is_set():
                n = next(numbers)
                execute(connection, "INSERT INTO kept VALUES (%s)", n)
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
            deadline = time.monotonic() + PATIENCE
            while len(confirmed) < reached:
                assert time.monotonic() < deadline, "writing does not go on"
                time.sleep(0.01)
            cluster.failover(kind=kind)
    finally:
        done.set()
        thread.join()
    kept = {n for (n,) in rows(driver, cluster, "SELECT n FROM kept", cluster.writer.host)}
    assert set(confirmed) <= kept


def test_writers_go_on_when_readers_come_back(cluster: LocalCluster, driver: Driver) -> None:
    with connected(driver, cluster) as connection:
        execute(connection, "DROP TABLE IF EXISTS busy")
        execute(connection, "CREATE TABLE busy (n int PRIMARY KEY)")
    numbers = count(1)
    written: list[int] = []
    done = threading.Event()

    def write() -> None:
        with connected(driver, cluster, cluster.writer.host) as connection:
            while not done.is_set():
                n = next(numbers)
                execute(connection, "INSERT INTO busy VALUES (%s)", n)
                written.append(n)

    def assert_writing_goes_on() -> None:
        before = len(written)
        eventually(lambda: len(written) > before + 20)

    threads = [Background(write) for _ in range(4)]
    try:
        for _ in range(3):
            for reader in cluster.readers:
                cluster.kill(reader)
            assert_writing_goes_on()
            for reader in cluster.readers:
                cluster.start_instance(reader)
                assert_writing_goes_on()
    finally:
        done.set()
    for thread in threads:
        thread.result()


def test_the_only_reader_is_not_promoted_before_all_is_confirmed_by_it(cluster: LocalCluster, driver: Driver) -> None:
    asleep, stale = cluster.readers
    with connected(driver, cluster) as connection:
        execute(connection, "DROP TABLE IF EXISTS late")
        execute(connection, "CREATE TABLE late (n int)")
        cluster.kill(asleep)
        cluster.kill(stale)
        execute(connection, "INSERT INTO late VALUES (1)")
    cluster.kill(cluster.writer)
    cluster.start_instance(stale)
    with pytest.raises(LocalClusterError, match=r"may lack what the writer has"):
        cluster.failover(to=stale)
    cluster.failover()
    assert rows(driver, cluster, "SELECT n FROM late", cluster.writer.host) == [(1,)]


def test_two_instances_and_then_one(local_cluster_factory: Callable[..., LocalCluster], driver: Driver) -> None:
    cluster = local_cluster_factory(**servers(driver.engine.name), instances=2, name="pair")
    first, second = cluster.instances
    assert cluster.failover(wait="all").new_writer == second.name
    assert cluster.failover(wait="all").new_writer == first.name
    cluster.remove_reader(second)
    with connected(driver, cluster, first.host) as connection:
        execute(connection, "CREATE TABLE alone (n int)")
        execute(connection, "INSERT INTO alone VALUES (1)")
    for kind in ("crash", "graceful"):
        assert cluster.failover(kind=kind).new_writer == first.name
        assert rows(driver, cluster, "SELECT n FROM alone", first.host) == [(1,)]
    cluster.stop()
