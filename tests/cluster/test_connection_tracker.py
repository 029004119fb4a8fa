"""After a failover no connection of the process points at the old writer, although nothing is ever heard from it."""

from __future__ import annotations

import queue
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverError, FailoverSuccessError, release_resources
from cluster import programs
from cluster.drivers import every_driver
from cluster.relay import Relay
from cluster.support import Background, at_server, execute, instance_of, pattern, true_writer, value
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.instance import Instance
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("postgresql", "mysql-c", "mysql-pure", "mysql-aio")

TRACKED: dict[str, Any] = {
    "plugins": "aurora_connection_tracker,failover",
    "topology_refresh_ms": 200,
    "auxiliary_query_timeout_sec": 1,
}
NUMBER = 10

kinds = pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])


@pytest.fixture
def line_to() -> Iterator[Callable[[Instance], Relay]]:
    """Return a function that makes a line to an instance, which can fall silent."""
    with ExitStack() as relays:
        yield lambda instance: relays.enter_context(Relay(instance, f"127.77.0.{len(relays._exit_callbacks) + 1}"))  # type: ignore[attr-defined]


def connect_through(line: Relay, cluster: LocalCluster, connect: Connect, **settings: Any) -> list[Any]:
    settings = {"cluster_instance_host_pattern": pattern(cluster), **TRACKED, **settings}
    return [connect(cluster, line.address, **settings) for _ in range(NUMBER)]


@every_driver
@kinds
def test_connections_that_nobody_uses_end_by_themselves(
    cluster: LocalCluster, connect: Connect, line_to: Callable[[Instance], Relay], kind: FailoverKind
) -> None:
    line = line_to(cluster.writer)
    connections = connect_through(line, cluster, connect)
    assert line.clients == NUMBER
    line.fall_silent()
    result = cluster.failover(kind=kind)
    eventually(lambda: line.clients == 0)
    for connection in connections:
        with pytest.raises(FailoverSuccessError):
            value(connection, "SELECT 1")
        assert instance_of(connection) == result.new_writer


def test_a_writer_that_only_hangs_is_noticed_before_the_cluster_ends_it(
    cluster: LocalCluster, connect: Connect, line_to: Callable[[Instance], Relay]
) -> None:
    cluster.set_delays(hang_detection=3.0)
    line = line_to(cluster.writer)
    known = connect_through(line, cluster, connect, auxiliary_query_timeout_sec=0.2)[0]._session.cluster
    monitor, connected_at = known.monitor, time.monotonic()
    eventually(lambda: known.store.current.writer_verified_at > connected_at)  # the monitor has its own connection
    line.fall_silent()
    failover = Background(cluster.failover, kind="hang")
    eventually(lambda: not monitor.is_watching)
    assert failover.is_alive()
    failover.result()
    eventually(lambda: line.clients == 0)


@kinds
def test_calls_that_wait_for_the_old_writer_fail_over(
    cluster: LocalCluster, connect: Connect, driver: Driver, line_to: Callable[[Instance], Relay], kind: FailoverKind
) -> None:
    old, line = cluster.writer, line_to(cluster.writer)
    connections = connect_through(line, cluster, connect)
    calls = [Background(execute, connection, driver.engine.sleep.format(600)) for connection in connections]
    eventually(lambda: at_server(cluster, old.name, driver.engine.sleepers.format(600)) == NUMBER)
    line.fall_silent()
    result = cluster.failover(kind=kind)
    for call in calls:
        with pytest.raises(FailoverSuccessError):
            call.result()
    assert [instance_of(connection) for connection in connections] == [result.new_writer] * NUMBER
    assert line.clients == 0


@pytest.mark.parametrize("threads", [4, 16], ids=["a pool", "a pool that is always empty"])
def test_no_connection_of_a_pool_that_threads_use_leads_to_the_old_writer(
    cluster: LocalCluster, connect: Connect, line_to: Callable[[Instance], Relay], threads: int
) -> None:
    line = line_to(cluster.writer)
    pool: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for connection in connect_through(line, cluster, connect):
        pool.put(connection)
    writer = cluster.writer.name
    uses: list[str] = []
    failures: list[str] = []

    def use_until_all_are_on(new_writer: queue.SimpleQueue[str]) -> None:
        while new_writer.empty() or uses[-NUMBER:] != [new_writer_name] * NUMBER:
            connection = pool.get(timeout=30)
            try:
                uses.append(instance_of(connection))
            except FailoverSuccessError as error:
                failures.append(str(error))
            pool.put(connection)

    new_writer_name = ""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()
    users = [Background(use_until_all_are_on, found) for _ in range(threads)]
    eventually(lambda: uses.count(writer) > 2 * NUMBER)
    line.fall_silent()
    new_writer_name = cluster.failover(kind="hang").new_writer
    found.put(new_writer_name)
    for user in users:
        user.result()
    assert len(failures) == NUMBER
    assert {instance_of(pool.get_nowait()) for _ in range(NUMBER)} == {true_writer(cluster)}
    assert line.clients == 0


@pytest.mark.drivers("postgresql")
def test_no_connection_of_psycopgs_own_pool_leads_to_the_old_writer(
    cluster: LocalCluster, line_to: Callable[[Instance], Relay]
) -> None:
    psycopg_pool: Any = pytest.importorskip("psycopg_pool")
    line = line_to(cluster.writer)
    conninfo = cluster.conninfo(hostaddr=line.address, **TRACKED)
    with psycopg_pool.ConnectionPool(
        conninfo, min_size=NUMBER, connection_class=AwsWrapperConnection, kwargs={"autocommit": True}, open=True
    ) as pool:
        pool.wait(PATIENCE)
        assert line.clients == NUMBER
        line.fall_silent()
        result = cluster.failover(kind="hang")
        eventually(lambda: line.clients == 0)
        connections = [pool.getconn(PATIENCE) for _ in range(NUMBER)]
        for connection in connections:
            with pytest.raises(FailoverSuccessError):
                value(connection, "SELECT 1")
            assert instance_of(connection) == result.new_writer
            pool.putconn(connection)


def test_connections_to_a_reader_stay_where_they_are(
    cluster: LocalCluster, connect: Connect, line_to: Callable[[Instance], Relay]
) -> None:
    reader, other = cluster.readers
    to_writer, to_reader = line_to(cluster.writer), line_to(reader)
    readers = connect_through(to_reader, cluster, connect)
    writers = connect_through(to_writer, cluster, connect)
    to_writer.fall_silent()
    to_reader.fall_silent()
    cluster.failover(to=other)
    eventually(lambda: to_writer.clients == 0)
    assert to_reader.clients == len(readers) == len(writers)


def test_without_failover_the_program_sees_the_drivers_own_error(
    cluster: LocalCluster, connect: Connect, driver: Driver, line_to: Callable[[Instance], Relay]
) -> None:
    line = line_to(cluster.writer)
    connections = connect_through(line, cluster, connect, plugins="auroraConnectionTracker")
    line.fall_silent()
    cluster.failover(kind="hang")
    eventually(lambda: line.clients == 0)
    for connection in connections:
        with pytest.raises(driver.module.Error) as caught:
            value(connection, "SELECT 1")
        assert not isinstance(caught.value, FailoverError)
        assert connection.closed


def test_after_release_resources_connections_are_tracked_from_their_next_use_on(
    cluster: LocalCluster, connect: Connect, line_to: Callable[[Instance], Relay]
) -> None:
    line = line_to(cluster.writer)
    connections = connect_through(line, cluster, connect)
    release_resources()
    for connection in connections:
        value(connection, "SELECT 1")
    line.fall_silent()
    cluster.failover(kind="hang")
    eventually(lambda: line.clients == 0)


PARENT_AND_CHILD = """
    parents = connect()
    ready, tell = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)
        connections = [connect() for _ in range(4)]
        os.write(tell, b".")
        sys.stdin.readline()
        os._exit(0)
    connections = [connect() for _ in range(4)]
    os.read(ready, 1)
    print("ready", flush=True)
    os.waitpid(child, 0)
    """


def test_the_connections_of_a_parent_and_of_its_forked_child_end(
    cluster: LocalCluster, driver: Driver, line_to: Callable[[Instance], Relay]
) -> None:
    line = line_to(cluster.writer)
    conninfo = cluster.conninfo(line.address, cluster_instance_host_pattern=pattern(cluster), **TRACKED)
    command = programs.command(PARENT_AND_CHILD, conninfo, driver)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline() == "ready\n"
            assert line.clients == 9
            line.fall_silent()
            cluster.failover(kind="hang")
            eventually(lambda: line.clients == 0)
            process.stdin.close()
            assert process.wait(10) == 0
        finally:
            process.kill()
