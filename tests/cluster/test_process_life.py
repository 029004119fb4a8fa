"""The driver starts with its first connection, and never keeps a program from ending, forking or resting."""

from __future__ import annotations

import gc
import subprocess
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError, release_resources
from cluster import programs
from cluster.drivers import every_driver
from cluster.engines import POSTGRESQL
from cluster.mysql_faults import MANY
from cluster.support import assert_on_true_writer, at_server, driver_threads, program, value
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver


def test_importing_the_package_starts_nothing() -> None:
    code = """
        import os, sys, threading
        import aws_advanced_python_wrapper
        print([thread.name for thread in threading.enumerate()])
        print(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1)
        print(sorted({"psycopg", "mysql", "boto3", "botocore", "opentelemetry", "asyncio", "ssl"} & set(sys.modules)))
        """
    assert program(code).splitlines() == ["['MainThread']", "1", "[]"]


@pytest.mark.parametrize(
    "module", ["psycopg", "aio.psycopg", "mysql_connector", "aio.mysql_connector", "aio.aiomysql", "wrapper"]
)
def test_importing_the_module_of_a_driver_starts_no_thread(module: str) -> None:
    code = f"""
        import os, threading
        try:
            import aws_advanced_python_wrapper.{module}
        except ImportError as error:
            assert "pip install" in str(error), error
        print(threading.active_count())
        """
    assert program(code) == "1"


def sessions_of_user(cluster: LocalCluster) -> set[str]:
    """Return which sessions the program, and what the driver has begun for it, have at the writer."""
    on_postgresql = cluster.settings.engine == POSTGRESQL.name
    ids = "string_agg(pid::text, ',')" if on_postgresql else "GROUP_CONCAT(id)"
    sessions = "pg_stat_activity WHERE usename" if on_postgresql else "information_schema.processlist WHERE user"
    found = at_server(cluster, cluster.writer.name, f"SELECT {ids} FROM {sessions} = '{cluster.user}'")
    return set(str(found).split(",")) if found else set()


def talking_program(
    code: str, cluster: LocalCluster, driver: Driver, *words: object
) -> AbstractContextManager[subprocess.Popen[str]]:
    return programs.talking(programs.command(code, cluster.conninfo(), driver, *words))


def seconds_to_exit(process: subprocess.Popen[str]) -> float:
    assert process.stdin
    began = time.monotonic()
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert process.wait(PATIENCE) == 0
    return time.monotonic() - began


MANY_CONNECTIONS = """
    connections = [connect(topology_refresh_ms=50) for _ in range(5)]
    print("ready", flush=True)
    input()
    """
ALSO_SEARCHING = """
    connection = connect(topology_refresh_ms=50)
    other = connect(topology_refresh_ms=50)
    def use():
        while True:
            ask(other, "SELECT 1")
            time.sleep(0.01)
    threading.Thread(target=use, daemon=True).start()
    print("ready", flush=True)
    input()
    """

MEASURING = """
    connection = connect(plugins="failover,fastest_response_strategy", response_measurement_interval_ms=20)
    while sum(thread.name.startswith("response time ") for thread in threading.enumerate()) < 3:
        time.sleep(0.01)
    print("ready", flush=True)
    input()
    """


@pytest.mark.parametrize("code", [MANY_CONNECTIONS, ALSO_SEARCHING, MEASURING], ids=["idle", "in use", "measuring"])
@pytest.mark.parametrize("state", ["healthy", "frozen", "hanging network", "killed"])
def test_a_program_ends_without_delay(cluster: LocalCluster, driver: Driver, code: str, state: str) -> None:
    with talking_program(code, cluster, driver) as process:
        if code == MANY_CONNECTIONS:
            eventually(lambda: len(sessions_of_user(cluster)) > 5)  # the monitor's connection is there too
        for instance in cluster.instances:
            if state == "frozen":
                cluster.pause(instance)
            elif state == "hanging network":
                instance.proxy.blackhole()
            elif state == "killed":
                cluster.kill(instance)
        time.sleep(0.2)  # the monitor meets it
        assert seconds_to_exit(process) < 5


def test_a_connection_that_lives_as_long_as_python_ends_in_silence(cluster: LocalCluster, driver: Driver) -> None:
    # Python empties `os` after the modules that are still in use, such as this driver's.
    command = programs.command("os.kept = connect(), dict(sys.modules)", cluster.conninfo(), driver)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert ended.stderr == ""


ROWS_ON_THEIR_WAY = """
    connection = connect(plugins="none")
    cursor = connection.cursor()
    cursor.execute(words[0])
    cursor.fetchone()
    print("ready", flush=True)
    input()
    """


@pytest.mark.drivers("mysql")
def test_a_program_ends_without_delay_although_rows_are_on_their_way(cluster: LocalCluster, driver: Driver) -> None:
    with talking_program(ROWS_ON_THEIR_WAY, cluster, driver, MANY) as process:
        cluster.pause(cluster.writer)
        assert seconds_to_exit(process) < 5


def test_dropped_connections_end_the_threads_of_the_monitor(cluster: LocalCluster, driver: Driver) -> None:
    conninfo = cluster.conninfo(topology_refresh_ms=50)
    before = sessions_of_user(cluster)  # of programs that have ended in the middle of something
    connections = [AwsWrapperConnection.connect(driver.connect, conninfo, **driver.arguments) for _ in range(3)]
    assert driver_threads()
    assert len(sessions_of_user(cluster) - before) >= len(connections)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the drivers say that they ought to be closed
        connections.clear()
        gc.collect()
    eventually(lambda: not driver_threads())
    eventually(lambda: sessions_of_user(cluster) <= before)


def test_closed_connections_end_the_threads_of_the_monitor(cluster: LocalCluster, connect: Connect) -> None:
    first, second = (connect(cluster, topology_refresh_ms=50) for _ in range(2))
    first.close()
    time.sleep(0.2)
    assert driver_threads()
    second.close()
    eventually(lambda: not driver_threads())


def test_the_threads_return_with_the_next_connection(cluster: LocalCluster, connect: Connect) -> None:
    connect(cluster, topology_refresh_ms=50).close()
    eventually(lambda: not driver_threads())
    connection = connect(cluster, topology_refresh_ms=50)
    assert driver_threads()
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


END_OWN_PROCESS = {"postgresql": "SELECT pg_terminate_backend(pg_backend_pid())", "mysql": "KILL CONNECTION_ID()"}


def output(code: str, cluster: LocalCluster, driver: Driver, *words: object) -> str:
    """Run a program that forks and return what it printed."""
    return program(
        programs.connecting(code), *programs.arguments(cluster.conninfo(), driver, *words), warnings="ignore"
    )


def test_a_forked_child_fails_over_and_leaves_the_parent_alone(cluster: LocalCluster, driver: Driver) -> None:
    code = """
        end_own_process, is_reader, process = words

        def lose(connection):
            for query in (end_own_process, "SELECT 1"):
                try:
                    ask(connection, query)
                except FailoverSuccessError:
                    assert not ask(connection, is_reader)
                    return "failed over"
                except Exception as error:
                    assert "interrupted" in str(error), error  # MySQL answers before it ends the connection

        parent = connect(topology_refresh_ms=20)
        number = ask(parent, process)
        child = os.fork()
        if not child:
            signal.alarm(30)
            del parent
            with connect(topology_refresh_ms=20) as own:
                assert [thread.name for thread in threading.enumerate()][1:], "the monitor of the child"
                assert lose(own) == "failed over"
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert ask(parent, process) == number
        print(lose(parent))
        parent.close()
        """
    engine = driver.engine
    words = (END_OWN_PROCESS[engine.name], engine.is_reader, engine.process)
    assert output(code, cluster, driver, *words) == "failed over"


@pytest.mark.parametrize("end", ["connection = None; os._exit(7)", "sys.exit(7)"], ids=["dropped", "at exit"])
def test_a_connection_that_a_forked_child_has_inherited_is_left_to_the_parent(
    cluster: LocalCluster, driver: Driver, end: str
) -> None:
    code = f"""
        connection = connect(plugins="none")
        number = ask(connection, words[0])
        child = os.fork()
        if not child:
            signal.alarm(30)
            {end}
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print(ask(connection, words[0]) == number)
        connection.close()
        """
    assert output(code, cluster, driver, driver.engine.process) == "True"


def test_children_forked_at_any_moment_start_clean(cluster: LocalCluster, driver: Driver) -> None:
    code = """
        parent = connect(topology_refresh_ms=1)
        for number in range(20):
            time.sleep(0.003)
            child = os.fork()
            if not child:
                signal.alarm(30)
                own = connect()
                ask(own, "SELECT 1")
                own.close()
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        ask(parent, "SELECT 1")
        parent.close()
        print("all clean")
        """
    assert output(code, cluster, driver) == "all clean"


def test_after_release_resources_everything_works_again(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    release_resources()
    eventually(lambda: not driver_threads())
    assert value(connection, "SELECT 1") == 1
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)
    release_resources()
    release_resources()
    another = connect(cluster)
    assert_on_true_writer(cluster, another)
    cluster.failover(wait="all")
    for each in (connection, another):
        with pytest.raises(FailoverSuccessError):
            value(each, "SELECT 1")
        assert_on_true_writer(cluster, each)


@pytest.mark.parametrize("after", ["connecting", "a failover", "the loss of all hosts"])
def test_an_idle_process_rests(cluster: LocalCluster, driver: Driver, after: str) -> None:
    code = """
        import subprocess
        connection = connect(failover_timeout_sec=1)
        print("ready", flush=True)
        input()
        if words[0] != "connecting":
            try:
                ask(connection, "SELECT 1")
            except Exception as error:
                assert type(error).__name__.startswith("Failover"), error
        time.sleep(0.5)
        before = os.times()
        busy = "import time; end = time.monotonic() + 2\\nwhile time.monotonic() < end: pass"
        subprocess.run([sys.executable, "-c", busy], check=True, timeout=60)
        now = os.times()
        used, used_by_busy = sum(now[:2]) - sum(before[:2]), sum(now[2:4]) - sum(before[2:4])
        assert used < used_by_busy / 3, (used, used_by_busy)
        """
    with talking_program(code, cluster, driver, after) as process:
        if after == "a failover":
            cluster.failover()
        elif after == "the loss of all hosts":
            for instance in cluster.instances:
                cluster.kill(instance)
        seconds_to_exit(process)


def test_an_idle_process_asks_little_of_the_servers(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    for reader in cluster.readers:
        assert reader.connections == 0
    assert cluster.writer.connections == 1, "the monitor connects when it first has something to ask"
    connection.close()
