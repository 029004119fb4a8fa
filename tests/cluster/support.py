"""What the tests of the driver on real servers do again and again."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import sql

from aws_advanced_python_wrapper import AwsWrapperConnection

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster

T = TypeVar("T")

PATIENCE = 40.0
"""Seconds after which something that should have happened counts as missing, on the slowest of machines."""

WHO = "SELECT pg_catalog.aurora_db_instance_identifier()"


def eventually(condition: Callable[[], T | None], timeout: float = PATIENCE) -> T:
    """Return what `condition` returns as soon as that is true."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, f"not true within {timeout:g} s: {condition}"
        time.sleep(0.01)
    return found


def value(connection: Any, query: str, *parameters: Any) -> Any:
    """Run a query on a new cursor and return the first column of its first row."""
    cursor: Any = connection.cursor(row_factory=psycopg.rows.tuple_row)
    with cursor:
        return cursor.execute(query, parameters or None).fetchone()[0]


def pattern(cluster: LocalCluster) -> str:
    """Return the `cluster_instance_host_pattern` of a cluster."""
    return f"?.{cluster.settings.names().domain}"


def at_server(cluster: LocalCluster, instance: str, query: str) -> Any:
    """Ask a server itself, past the driver and the proxy."""
    with cluster.connect_directly(instance) as direct:
        return value(direct, query)


def true_writer(cluster: LocalCluster) -> str:
    """Return the instance that says itself that it writes."""
    running = [instance.name for instance in cluster.instances if instance.state == "running"]
    (writer,) = [name for name in running if not at_server(cluster, name, "SELECT pg_is_in_recovery()")]
    return writer


def assert_on_true_writer(cluster: LocalCluster, connection: Any) -> None:
    """Check by the servers themselves that the connection leads to the one that writes."""
    instance = value(connection, WHO)
    assert at_server(cluster, instance, "SELECT pg_is_in_recovery()") is False
    assert instance == true_writer(cluster)


def administrate(cluster: LocalCluster, *statements: str) -> None:
    """Run statements as superuser at the writer."""
    with cluster.connect_directly(cluster.writer) as direct:
        for statement in statements:
            direct.execute(statement.encode())


def fresh_table(cluster: LocalCluster, name: str, columns: str = "id int PRIMARY KEY") -> str:
    """Make an empty table for the cluster's user and return its name."""
    administrate(
        cluster,
        f"DROP TABLE IF EXISTS public.{name}",
        f"CREATE TABLE public.{name} ({columns})",
        f"GRANT ALL ON public.{name} TO PUBLIC",
    )
    return f"public.{name}"


@contextmanager
def login_role(cluster: LocalCluster, name: str, password: str) -> Iterator[str]:
    """Have one more user for a while."""
    role = sql.Identifier(name).as_string()
    administrate(
        cluster,
        f"DROP ROLE IF EXISTS {role}",
        f"CREATE ROLE {role} LOGIN PASSWORD {sql.Literal(password).as_string()}",
    )
    yield name
    cluster.wait_settled()
    administrate(cluster, f"DROP ROLE {role}")


@contextmanager
def database(cluster: LocalCluster, name: str) -> Iterator[str]:
    """Have one more database for a while."""
    identifier = sql.Identifier(name).as_string()
    administrate(cluster, f"DROP DATABASE IF EXISTS {identifier} WITH (FORCE)", f"CREATE DATABASE {identifier}")
    yield name
    cluster.wait_settled()
    administrate(cluster, f"DROP DATABASE {identifier} WITH (FORCE)")


class Background(threading.Thread):
    """A call in a thread of its own; `result` waits for it, and raises what it raised."""

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(daemon=True)
        self._call: Callable[[], Any] = partial(function, *args, **kwargs)
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asks for the result
            self._error = error

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "still running"
        if self._error is not None:
            raise self._error
        return self._value


def program(code: str, *arguments: object, warnings: str = "error", timeout: float = PATIENCE) -> str:
    """Run a Python program in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert not done.stderr, done.stderr
    return done.stdout.strip()


def driver_threads() -> list[threading.Thread]:
    """Return the threads that watch topologies in this process."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("topology ")]


Connect = Callable[..., AwsWrapperConnection]
"""The type of the fixture `connect`."""
