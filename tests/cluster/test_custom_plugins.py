"""Plugins of a program's own on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from aws_advanced_python_wrapper.plugin import CallNext, ConnectNext, HostInfo, Opened, Plugin, method_name, plugin_of
from cluster.drivers import both_engines
from cluster.support import execute, instance_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

pytestmark = both_engines


class Listener(Plugin):
    """Notes calls, attempts to connect, and where the session goes."""

    code = "listener"

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.calls: list[str] = []
        self.attempts: list[str] = []
        self.hosts: list[str | None] = []

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(method_name(function))
        return await proceed(*args, **kwargs)

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        self.attempts.append(host.host)
        return await proceed(host)

    def connected(self, opened: Opened) -> None:
        self.hosts.append(opened.host.host_id)

    def names(self) -> list[str]:
        """Return the names of the calls so far. To open a cursor is a call in the blocking flavour only."""
        names = [name for name in self.calls if name != "Connection.cursor"]
        self.calls.clear()
        return names


@pytest.mark.drivers("postgresql")  # psycopg's methods
def test_calls_have_the_names_that_the_documentation_gives_them(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins=["failover", Listener], autocommit=False)
    listener = plugin_of(connection, Listener)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.executemany("SELECT %s", [(1,)])
    connection.execute("SELECT 1")
    connection.commit()
    connection.rollback()
    assert listener.names() == [
        *("Cursor.execute", "Cursor.executemany", "Connection.execute", "Connection.commit", "Connection.rollback"),
    ]
    connection.read_only = True
    connection.read_only = False
    connection.set_schema("public")
    assert listener.names() == [*["Connection.set_read_only"] * 2, "Connection.set_schema"]
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
            while copy.read():
                pass
    assert listener.names() == [
        *("Connection.transaction.__enter__", "Connection.copy.__enter__", "Copy.read", "Copy.read"),
        *("Connection.copy.__exit__", "Connection.transaction.__exit__"),
    ]
    with connection.pipeline() as pipeline:
        pipeline.sync()
    assert listener.names() == ["Connection.pipeline.__enter__", "Pipeline.sync", "Connection.pipeline.__exit__"]
    assert list(connection.cursor().stream("SELECT 1")) == [(1,)]
    assert listener.names() == ["Connection.__next__"] * 2


@pytest.mark.drivers("mysql")
def test_calls_of_mysqls_drivers_have_their_own_names(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins=["failover", Listener], autocommit=False)
    listener = plugin_of(connection, Listener)
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    cursor.fetchall()
    connection.commit()
    connection.rollback()
    calls = listener.names()
    assert [name for name in calls if not name.startswith("Cursor.fetch")] == [
        *("Cursor.execute", "Connection.commit", "Connection.rollback"),
    ]
    connection.set_read_only(True)
    connection.set_schema(cluster.database)
    assert listener.names() == ["Connection.set_read_only", "Connection.set_schema"]


def test_a_plugin_behind_failover_sees_its_connections(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins=["failover", Listener])
    listener = plugin_of(connection, Listener)
    assert listener.attempts == [cluster.writer_endpoint]
    result = cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert instance_of(connection) == result.new_writer
    assert listener.hosts == [result.old_writer, result.new_writer]
    assert listener.attempts[-1].startswith(f"{result.new_writer}.")
