"""Connections that a program has MySQL's drivers open again, by `ping`, `reconnect` or `connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverFailedError
from cluster import programs
from cluster.support import (
    Background,
    assert_on_true_writer,
    end_process,
    execute,
    instance_of,
    is_reader,
    process_of,
    program,
    value,
)
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("mysql")

ways = pytest.mark.parametrize("way", ["ping", "reconnect", "connect"])

WATCHED: dict[str, Any] = {
    "failure_detection_time_ms": 200,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
}


def open_again(connection: Any, way: str = "ping") -> None:
    """Call what opens a connection again that is lost; where the driver has no such method, the test is skipped."""
    if not hasattr(connection.target_connection, way):
        pytest.skip(f"this driver has no {way}")
    getattr(connection, way)(**{"reconnect": True} if way == "ping" else {})


def lose(cluster: LocalCluster, connection: Any) -> None:
    """Have the server end a connection, and wait until the client's side has heard of it."""
    end_process(cluster, instance_of(connection), process_of(connection))
    eventually(lambda: connection.closed)


def fail_over(cluster: LocalCluster, connection: Any) -> str:
    """Make a reader of the writer that a connection leads to, and return its name."""
    old = instance_of(connection)
    cluster.failover(kind="graceful")
    eventually(lambda: connection.closed)
    return old


# Where they lead


@ways
def test_after_a_failover_it_leads_to_the_new_writer(cluster: LocalCluster, connect: Connect, way: str) -> None:
    connection: Any = connect(cluster)
    old = fail_over(cluster, connection)
    open_again(connection, way)
    assert instance_of(connection) != old
    assert_on_true_writer(cluster, connection)
    assert connection._session.host.host.partition(".")[0] == instance_of(connection)


def test_where_the_writer_lives_on_it_leads_there_again(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster)
    old, process = instance_of(connection), process_of(connection)
    lose(cluster, connection)
    open_again(connection)
    assert instance_of(connection) == old
    assert process_of(connection) != process


@pytest.mark.drivers("mysql-c", "mysql-pure")
def test_cursors_live_on_as_they_do_with_the_driver(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster)
    cursor = connection.cursor()
    fail_over(cluster, connection)
    open_again(connection)
    cursor.execute("SELECT 7")
    assert cursor.fetchall() == [(7,)]


def test_a_session_that_reads_stays_at_its_reader(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, cluster.readers[1].host, failover_mode="strict_reader")
    reader = instance_of(connection)
    for _ in range(3):
        lose(cluster, connection)
        open_again(connection)
        assert instance_of(connection) == reader


def test_a_session_that_reads_leaves_a_host_that_is_gone(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, cluster.readers[1].host, failover_mode="strict_reader")
    reader = instance_of(connection)
    cluster.kill(reader)
    eventually(lambda: connection.closed)
    open_again(connection)
    assert is_reader(connection)
    assert instance_of(connection) != reader


@pytest.mark.drivers("mysql-c", "mysql-pure")
def test_where_the_program_names_a_host_it_leads_there_from_then_on(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster)
    reader = cluster.readers[1]
    connection.connect(host=reader.host)
    assert instance_of(connection) == reader.name
    assert connection._session.host.host == reader.host
    connection.reconnect()
    assert instance_of(connection) == reader.name


def test_without_failover_it_leads_where_the_driver_opens_it(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="none")
    connection.set_read_only(True)
    lose(cluster, connection)
    open_again(connection)
    assert value(connection, "SELECT @@transaction_read_only") == 0


@ways
def test_while_there_is_no_host_it_fails_and_the_program_may_try_again(
    cluster: LocalCluster, connect: Connect, driver: Driver, way: str
) -> None:
    connection: Any = connect(cluster, failover_timeout_sec=1)
    for instance in cluster.instances:
        instance.proxy.refuse()
        instance.proxy.reset()
    eventually(lambda: connection.closed)
    with pytest.raises(driver.module.Error, match="Failover gave up") as caught:
        open_again(connection, way)
    assert isinstance(caught.value.__cause__ or caught.value, FailoverFailedError)
    cluster.restore()
    open_again(connection, way)
    assert_on_true_writer(cluster, connection)


# What they take along


@ways
def test_what_the_program_has_set_is_set_again(cluster: LocalCluster, connect: Connect, way: str) -> None:
    connection: Any = connect(cluster)
    execute(connection, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    execute(connection, "SET time_zone = '+03:00'")
    execute(connection, "SET autocommit = 0")
    connection.set_schema("information_schema")
    connection.rollback()
    connection.set_read_only(True)
    for _ in range(2):
        lose(cluster, connection)
        open_again(connection, way)
        assert connection.read_only is True
        query = "SELECT @@transaction_isolation, @@transaction_read_only, @@time_zone, @@autocommit, DATABASE()"
        assert list(execute(connection, query).fetchall()) == [("SERIALIZABLE", 1, "+03:00", 0, "information_schema")]
        connection.rollback()


@pytest.mark.drivers("mysql-c", "mysql-pure")
def test_what_the_program_has_configured_meanwhile_counts(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, time_zone="+02:00")
    connection.config(time_zone="+04:00")
    connection.reconnect()
    assert value(connection, "SELECT @@time_zone") == "+04:00"


# Who looks after them


def test_host_monitoring_watches_the_host_where_it_is_now(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection: Any = connect(cluster, plugins="efm", **WATCHED)
    old = fail_over(cluster, connection)
    cluster.wait_settled()
    open_again(connection)
    assert_on_true_writer(cluster, connection)
    cluster.pause(old)
    assert value(connection, "SELECT SLEEP(2)") == 0
    cluster.resume(old)
    call = Background(execute, connection, "SELECT SLEEP(100)")
    cluster.pause(cluster.writer)
    with pytest.raises(driver.module.Error):
        call.result()


def test_the_tracker_leaves_a_connection_alone_that_is_on_the_new_writer(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection: Any = connect(cluster)
    fail_over(cluster, connection)
    open_again(connection)
    process = process_of(connection)
    other: Any = connect(cluster)
    assert_on_true_writer(cluster, other)
    assert process_of(connection) == process


# Forked children

CHILD = """
    connection = connect(plugins="none")
    number = ask(connection, words[0])
    child = os.fork()
    if not child:
        {}
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    print(ask(connection, words[0]) == number)
    connection.close()
    """


@pytest.mark.drivers("mysql-c", "mysql-pure")
@pytest.mark.parametrize("end", ["disconnect", "reconnect", "connect"])
def test_a_forked_child_leaves_the_connection_to_its_parent(cluster: LocalCluster, driver: Driver, end: str) -> None:
    code = programs.connecting(CHILD.format(f"connection.{end}()"))
    words = programs.arguments(cluster.conninfo(), driver, driver.engine.process)
    assert program(code, *words, warnings="ignore") == "True"
