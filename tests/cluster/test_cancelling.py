"""To cancel a statement, from another thread or connection, at a host that answers and at one that does not."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import pq

from aws_advanced_python_wrapper import FailoverSuccessError
from cluster.engines import MYSQL
from cluster.support import Background, assert_on_true_writer, at_server, execute, process_of, value
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

limited = pytest.mark.skipif(
    not hasattr(psycopg.Connection, "cancel_safe") or pq.__build_version__ < 170000,
    reason="this libpq cancels without a limit",
)

# The statement runs in the server, the host falls silent, one thread cancels; the others must go on.
CANCEL_AT_A_SILENT_HOST = """
    import asyncio, os, sys, threading
    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection

    conninfo, flavour = sys.argv[1:]

    async def connected():
        connection = await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, conninfo, plugins="")
        connection.pgconn.send_query(b"SELECT pg_sleep(1000)")
        return connection

    if flavour == "asyncio":
        connection = asyncio.run(connected())
    else:
        connection = AwsWrapperConnection.connect(psycopg.Connection.connect, conninfo, plugins="")
        connection.pgconn.send_query(b"SELECT pg_sleep(1000)")
    print("running", flush=True)
    sys.stdin.readline()
    cancelling = threading.Thread(target=connection.cancel, daemon=True)
    cancelling.start()
    cancelling.join(1)
    print("cancelling" if cancelling.is_alive() else "cancelled", flush=True)
    os._exit(0)
    """


@pytest.mark.parametrize("how", ["cancel", "cancel_safe"])
def test_a_statement_is_cancelled_from_another_thread(cluster: LocalCluster, connect: Connect, how: str) -> None:
    connection: Any = connect(cluster)
    if not hasattr(connection, how):
        pytest.skip("this psycopg has only cancel")
    process = connection.info.backend_pid
    statement = Background(connection.execute, "SELECT pg_sleep(1000)")
    running = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {process} AND wait_event = 'PgSleep'"
    eventually(lambda: at_server(cluster, cluster.writer.name, running))
    getattr(connection, how)()
    with pytest.raises(psycopg.errors.QueryCanceled):
        statement.result()
    assert value(connection, "SELECT 1") == 1
    assert connection.info.backend_pid == process


@limited
@pytest.mark.parametrize("flavour", ["blocking", "asyncio"])
def test_to_cancel_at_a_silent_host_stops_no_other_thread(cluster: LocalCluster, flavour: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(CANCEL_AT_A_SILENT_HOST), cluster.conninfo(), flavour]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            cluster.writer.proxy.blackhole()
            told, _ = process.communicate("go on\n", timeout=PATIENCE)
        finally:
            process.kill()
    assert told == "cancelling\n"


INTERRUPTED = 1317
NEVER = "SELECT 1 FROM information_schema.collations WHERE SLEEP(1000)"
"""A statement that fails when it is killed; SLEEP alone ends as if it had slept."""


def running(cluster: LocalCluster, connection: Any) -> tuple[Background, int]:
    """Have a statement run, and return its thread and its connection's number at the server."""
    process = process_of(connection)
    statement = Background(execute, connection, NEVER)
    sleeps = f"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {process} AND state = 'User sleep'"
    eventually(lambda: at_server(cluster, cluster.writer.name, sleeps))
    return statement, process


@pytest.mark.drivers("mysql")
def test_a_statement_that_another_connection_kills_is_no_reason_to_fail_over(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection = connect(cluster)
    before = connection.target_connection
    statement, process = running(cluster, connection)
    execute(connect(cluster), f"KILL QUERY {process}")
    with pytest.raises(connection._session.adapter.failures) as caught:
        statement.result()
    assert INTERRUPTED in (getattr(caught.value, "errno", None), *caught.value.args)
    assert value(connection, "SELECT 1") == 1
    assert connection.target_connection is before
    assert process_of(connection) == process


@pytest.mark.drivers("mysql")
@pytest.mark.parametrize("_", range(5))
def test_a_connection_that_another_one_kills_fails_over(cluster: LocalCluster, connect: Connect, _: int) -> None:
    connection = connect(cluster)
    statement, process = running(cluster, connection)
    execute(connect(cluster), f"KILL {process}")
    with pytest.raises(FailoverSuccessError):
        statement.result()
    assert_on_true_writer(cluster, connection)


# The statement runs in the server, the host falls silent, one thread closes the connection; the others must go on.
CLOSE_AT_A_SILENT_HOST = """
    import os, sys, threading, time
    import mysql.connector
    from aws_advanced_python_wrapper import AwsWrapperConnection

    conninfo, pure = sys.argv[1:]
    arguments = {"plugins": "", "use_pure": pure == "True"}
    connection = AwsWrapperConnection.connect(mysql.connector.connect, conninfo, **arguments)

    def run():
        try:
            connection.cursor().execute("SELECT SLEEP(1000)")
        except Exception as error:
            print("ended", flush=True)

    running = threading.Thread(target=run)
    running.start()
    print("running", flush=True)
    sys.stdin.readline()
    connection.close()
    print("closed", flush=True)
    running.join()
    """


@pytest.mark.drivers("mysql-c", "mysql-pure")
def test_to_close_a_connection_ends_its_statement_at_a_silent_host(cluster: LocalCluster, driver: Driver) -> None:
    pure = str(driver.arguments["use_pure"])
    command = [sys.executable, "-c", textwrap.dedent(CLOSE_AT_A_SILENT_HOST), cluster.conninfo(), pure]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            eventually(lambda: at_server(cluster, cluster.writer.name, MYSQL.sleepers.format(1000)))
            cluster.writer.proxy.blackhole()
            told, _ = process.communicate("go on\n", timeout=PATIENCE)
        finally:
            process.kill()
    assert sorted(told.split()) == ["closed", "ended"]
    assert process.returncode == 0
