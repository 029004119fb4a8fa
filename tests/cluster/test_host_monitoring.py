"""Calls to a host that has fallen silent end within the time allowed; calls to a healthy one never do."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
import warnings
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import (
    AwsWrapperConnection,
    FailoverError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
    release_resources,
)
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from cluster.support import (
    Background,
    administrate,
    assert_on_true_writer,
    at_server,
    fresh_table,
    login_role,
    program,
    value,
)
from cluster.test_process_life import seconds_to_exit, talking_program
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

QUICK: dict[str, Any] = {
    "plugins": "efm",
    "failure_detection_time_ms": 200,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
    "monitor_disposal_time_ms": 0,
}
WITH_FAILOVER = {**QUICK, "plugins": "failover,efm"}


def host_threads() -> set[str]:
    """The addresses that are watched; each by one thread."""
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("host ")]
    assert len(threads) == len(set(threads))
    return {name.removeprefix("host ") for name in threads}


def freeze(cluster: LocalCluster, way: str) -> None:
    if way == "hanging network":
        cluster.writer.proxy.blackhole()
    else:
        cluster.pause(cluster.writer)


ways = pytest.mark.parametrize("way", ["frozen server", "hanging network"])


# What is done when the host falls silent: each begins something and returns what is to be tried then.


def execute(connection: Any, _table: str) -> Callable[[], object]:
    return lambda: connection.execute("SELECT 1")


def running(connection: Any, _table: str) -> Callable[[], object]:
    call = Background(connection.execute, "SELECT pg_sleep(100)")
    time.sleep(0.1)  # it is with the server
    return call.result


def commit(connection: Any, table: str) -> Callable[[], object]:
    connection.autocommit = False
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    return connection.commit  # type: ignore[no-any-return]


def fetch(connection: Any, _table: str) -> Callable[[], object]:
    connection.autocommit = False
    cursor = connection.cursor("rows_of_a_server")
    cursor.execute("SELECT generate_series(1, 1000000)")
    assert cursor.fetchone() == (1,)

    def go_on() -> None:
        try:
            cursor.fetchmany()
        finally:
            cursor.close()

    return go_on


def copy_in(connection: Any, table: str) -> Callable[[], object]:
    stack = ExitStack()
    copy = stack.enter_context(connection.cursor().copy(f"COPY {table} FROM STDIN"))
    copy.write_row((1,))

    def go_on() -> None:
        with stack:
            for _ in range(1000):
                copy.write(b"2\n" * 50_000)

    return go_on


def copy_out(connection: Any, _table: str) -> Callable[[], object]:
    stack = ExitStack()
    copy = stack.enter_context(connection.cursor().copy("COPY (SELECT generate_series(1, 3000000)) TO STDOUT"))
    assert copy.read()

    def go_on() -> None:
        with stack:
            while copy.read():
                pass

    return go_on


MOMENTS = [execute, running, commit, fetch, copy_in, copy_out]
moments = pytest.mark.parametrize("moment", MOMENTS, ids=[moment.__name__ for moment in MOMENTS])


@ways
@moments
def test_alone_it_ends_the_call_with_the_drivers_error(
    cluster: LocalCluster, connect: Connect, moment: Callable[[Any, str], Callable[[], object]], way: str
) -> None:
    connection = connect(cluster, **QUICK)
    try_it = moment(connection, fresh_table(cluster, "silence", "id int"))
    freeze(cluster, way)
    with pytest.raises(psycopg.OperationalError) as caught:
        Background(try_it).result()
    assert not isinstance(caught.value, FailoverError)
    assert connection.closed


@pytest.mark.parametrize("plugins", ["efm", "failover,efm"])
@ways
def test_a_block_that_ends_with_an_error_ends_although_nobody_answers_its_rollback(
    cluster: LocalCluster, connect: Connect, way: str, plugins: str
) -> None:
    connection = connect(cluster, **{**QUICK, "plugins": plugins}, autocommit=False)

    def leave_with_an_error() -> None:
        with connection:
            connection.execute("SELECT 1")
            freeze(cluster, way)
            raise KeyError

    with pytest.raises(KeyError):
        Background(leave_with_an_error).result()
    assert connection.closed


@moments
def test_with_failover_the_program_goes_on_at_the_new_writer(
    cluster: LocalCluster, connect: Connect, moment: Callable[[Any, str], Callable[[], object]]
) -> None:
    connection = connect(cluster, **WITH_FAILOVER)
    try_it = moment(connection, fresh_table(cluster, "silence", "id int"))
    freeze(cluster, "hanging network")  # which goes on when another host writes
    failover = Background(cluster.failover)
    expected = FailoverSuccessError if moment in (execute, running) else FailoverError
    with pytest.raises(expected) as caught:
        Background(try_it).result()
    assert isinstance(caught.value, (FailoverSuccessError, TransactionResolutionUnknownError))
    failover.result()
    connection.rollback()
    assert_on_true_writer(cluster, connection)


def test_after_a_failover_the_new_host_is_watched(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **WITH_FAILOVER)
    old = f"{cluster.writer.address}:{cluster.port}"
    assert host_threads() == {old}
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert host_threads() >= {f"{cluster.writer.address}:{cluster.port}"}
    eventually(lambda: old not in host_threads())
    freeze(cluster, "hanging network")
    failover = Background(cluster.failover)
    with pytest.raises(FailoverSuccessError):
        Background(connection.execute, "SELECT 1").result()
    failover.result()


# Healthy hosts


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"monitoring-password": "wrong"},
        {"monitoring-user": "nobody"},
        {"monitoring-dbname": "nowhere"},
        {"monitoring-sslmode": "verify-full", "monitoring-sslrootcert": "/nowhere"},
        {"monitoring-sslmode": "nonsense"},
        {"options": "-c statement_timeout=1min", "target_session_attrs": "read-write"},
    ],
    ids=lambda settings: " ".join(settings) or "as ever",
)
def test_a_long_call_on_a_healthy_host_is_left_alone(
    cluster: LocalCluster, connect: Connect, settings: dict[str, str]
) -> None:
    connection = connect(cluster, **QUICK, **settings)
    assert value(connection, "SELECT 1 FROM pg_sleep(2)") == 1


def test_a_user_who_has_reached_a_limit_of_connections_is_left_alone(cluster: LocalCluster, connect: Connect) -> None:
    with login_role(cluster, "limited", "pw") as role:
        administrate(cluster, f"ALTER ROLE {role} CONNECTION LIMIT 1")
        connection = connect(cluster, user=role, password="pw", **QUICK)
        assert value(connection, "SELECT 1 FROM pg_sleep(2)") == 1
        connection.close()


@pytest.fixture(scope="module")
def small(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    return local_cluster_factory(name="small", instances=1, max_connections=12)


def test_a_server_without_room_for_another_connection_is_left_alone(small: LocalCluster, connect: Connect) -> None:
    connection = connect(small, **QUICK)
    with ExitStack() as others:

        def fill() -> None:
            while True:
                others.enter_context(closing(psycopg.connect(small.conninfo())))

        with pytest.raises(psycopg.OperationalError, match=r"too many|remaining connection slots"):
            fill()
        assert value(connection, "SELECT 1 FROM pg_sleep(2)") == 1


def test_the_host_that_is_watched_is_the_one_connected_to(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    other = cluster.readers[0]
    cluster.set_dns(cluster.writer_endpoint, other)
    cluster.pause(other)
    assert value(connection, "SELECT 1 FROM pg_sleep(2)") == 1
    freeze(cluster, "frozen server")
    cluster.resume(other)
    with pytest.raises(psycopg.OperationalError):
        Background(connection.execute, "SELECT 1").result()


@ways
def test_a_host_that_is_silent_for_a_moment_is_forgiven(cluster: LocalCluster, connect: Connect, way: str) -> None:
    connection = connect(cluster, **{**QUICK, "failure_detection_interval_ms": 1000, "failure_detection_count": 3})
    backend = value(connection, "SELECT pg_backend_pid()")
    writer = cluster.writer
    freeze(cluster, way)
    call = Background(value, connection, "SELECT pg_backend_pid()")
    time.sleep(1.5)
    if way == "hanging network":
        writer.proxy.resume()
    else:
        cluster.resume(writer)
    assert call.result() == backend


def test_slow_logins_are_no_silence(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    cluster.writer.proxy.delay(to_client=0.15)  # a login takes several round trips
    assert value(connection, "SELECT 1 FROM pg_sleep(2)") == 1


def test_a_host_that_takes_no_new_connection_is_left_alone_while_it_is_heard_of(
    cluster: LocalCluster, connect: Connect
) -> None:
    lasting, busy = connect(cluster, **QUICK), connect(cluster, **QUICK)
    cluster.writer.proxy.refuse()
    call = Background(value, lasting, "SELECT 1 FROM pg_sleep(2)")
    while call.is_alive():
        assert value(busy, "SELECT 1 FROM pg_sleep(0.05)") == 1
    assert call.result() == 1


def test_without_any_sign_of_life_a_host_that_refuses_is_given_up(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    cluster.writer.proxy.refuse()
    with pytest.raises(psycopg.OperationalError):
        Background(connection.execute, "SELECT pg_sleep(100)").result()


def test_the_connection_of_a_call_that_lasts_long_is_kept_alive(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    with socket.socket(fileno=os.dup(connection.target_connection.fileno())) as duplicate:
        before = duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        connection.execute("SELECT pg_sleep(1)")
        assert duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 1 != before


# What it costs


def test_fifty_connections_to_one_host_have_one_thread_and_one_probe(cluster: LocalCluster, connect: Connect) -> None:
    connections = [connect(cluster, **QUICK) for _ in range(50)]
    writer = cluster.writer
    writer.proxy.reset_counters()
    assert writer.proxy.counters().current == 50
    calls = [Background(connection.execute, "SELECT pg_sleep(100)") for connection in connections]
    eventually(lambda: writer.proxy.counters().current == 51)
    time.sleep(0.5)
    assert writer.proxy.counters().total == 1
    assert host_threads() == {f"{writer.address}:{cluster.port}"}
    writer.proxy.blackhole()
    for call in calls:
        with pytest.raises(psycopg.OperationalError):
            call.result()


def test_there_is_no_probe_while_no_call_lasts_long(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    writer = cluster.writer
    writer.proxy.reset_counters()
    for _ in range(5):
        connection.execute("SELECT pg_sleep(0.1)")
    assert writer.proxy.counters().total == 0
    connection.execute("SELECT pg_sleep(0.8)")
    assert writer.proxy.counters().total == 1
    eventually(lambda: writer.proxy.counters().current == 1)


def test_one_frozen_host_does_not_concern_the_other(cluster: LocalCluster, connect: Connect) -> None:
    at_writer, at_reader = connect(cluster, **QUICK), connect(cluster, cluster.readers[0].host, **QUICK)
    assert len(host_threads()) == 2
    lasting = Background(value, at_reader, "SELECT 1 FROM pg_sleep(3)")
    freeze(cluster, "frozen server")
    with pytest.raises(psycopg.OperationalError):
        Background(at_writer.execute, "SELECT 1").result()
    assert lasting.result() == 1


def test_switched_off_nothing_is_watched(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK, failure_detection_enabled="false")
    assert value(connection, "SELECT 1 FROM pg_sleep(0.5)") == 1
    assert host_threads() == set()


# Lifetime


def test_threads_end_with_the_connections(cluster: LocalCluster, connect: Connect) -> None:
    first, second = connect(cluster, **QUICK), connect(cluster, **QUICK)
    first.close()
    assert host_threads()
    second.close()
    eventually(lambda: not host_threads())


def test_threads_end_with_connections_that_are_dropped(cluster: LocalCluster) -> None:
    connection = AwsWrapperConnection.connect(psycopg.Connection.connect, cluster.conninfo(), **QUICK)
    assert host_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # psycopg says that it ought to be closed
        del connection
        gc.collect()
    eventually(lambda: not host_threads())
    eventually(lambda: cluster.writer.proxy.counters().current == 0)


def test_after_release_resources_an_open_connection_is_watched_again(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    release_resources()
    eventually(lambda: not host_threads())
    freeze(cluster, "frozen server")
    with pytest.raises(psycopg.OperationalError):
        Background(connection.execute, "SELECT 1").result()


PROGRAM = """
    import logging, os, signal, sys, threading, time
    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection

    logging.disable(logging.WARNING)
    connection = AwsWrapperConnection.connect(
        psycopg.Connection.connect, sys.argv[1], autocommit=True, plugins="efm",
        failure_detection_time_ms=200, failure_detection_interval_ms=200, failure_detection_count=2)

    def lose(connection):
        try:
            connection.execute("SELECT pg_sleep(99)")
        except psycopg.OperationalError:
            return "given up"
"""


def test_calls_of_a_forked_child_and_of_its_parent_are_watched(cluster: LocalCluster) -> None:
    code = (
        PROGRAM
        + """
    inherited = AwsWrapperConnection.connect(
        psycopg.Connection.connect, sys.argv[1], autocommit=True, plugins="efm",
        failure_detection_time_ms=200, failure_detection_interval_ms=200, failure_detection_count=2)
    child = os.fork()
    if not child:
        signal.alarm(30)
        assert threading.active_count() == 1
        assert inherited.execute("SELECT 1").fetchone() == (1,)
        print("ready", flush=True)
        assert lose(inherited) == "given up"
        os._exit(7)
    assert lose(connection) == "given up"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    print("both")
    """
    )
    running = Background(program, code, cluster.conninfo(), warnings="ignore")
    query = "SELECT count(*) = 2 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(99)' AND state = 'active'"
    eventually(lambda: at_server(cluster, cluster.writer.name, query))
    freeze(cluster, "frozen server")
    assert running.result() == "ready\nboth"


def test_a_program_ends_at_once_while_its_host_is_being_checked(cluster: LocalCluster, driver: Driver) -> None:
    code = """
        from aws_advanced_python_wrapper import release_resources
        connection = connect(
            plugins="efm", failure_detection_time_ms=200, failure_detection_interval_ms=60000)
        threading.Thread(target=connection.execute, args=("SELECT pg_sleep(100)",), daemon=True).start()
        while not connection._session.running:
            time.sleep(0.01)
        release_resources()
        connection.cursor()  # is watched anew, by a thread that finds the call running
        print("ready", flush=True)
        input()
        """
    with talking_program(code, cluster, driver) as process:
        cluster.writer.proxy.blackhole()
        eventually(lambda: cluster.writer.proxy.counters().current == 2)  # the probe waits for an answer
        assert seconds_to_exit(process) < 20, "the check would have gone on for a minute"


# Ending a connection from another thread


def test_what_is_shut_down_is_never_the_socket_of_somebody_else(cluster: LocalCluster) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    for _ in range(30):
        connection = psycopg.connect(cluster.conninfo(sslmode="disable"))
        start = threading.Barrier(3)

        def abort(connection: Any = connection, start: threading.Barrier = start) -> None:
            start.wait()
            for _ in range(200):
                adapter.abort(connection)

        aborting = [Background(abort) for _ in range(2)]
        start.wait()
        connection.close()
        for _ in range(50):  # these get the number that has become free
            one, other = socket.socketpair()
            with one, other:
                one.sendall(b"x")
                assert other.recv(1) == b"x"
        for thread in aborting:
            thread.result()
