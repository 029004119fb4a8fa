"""To cancel a statement, from another thread, at a host that answers and at one that does not."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import pq

from cluster.support import PATIENCE, Background, at_server, eventually, value

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
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
