"""What the tests of the driver on real servers do again and again."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from aws_advanced_python_wrapper import AwsWrapperConnection
from cluster.engines import ENGINES, MYSQL, POSTGRESQL, Engine
from cluster.in_loop import InLoop
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster

WHO = POSTGRESQL.who


def package_of(connection: Any) -> str:
    """Return the name of the driver's package of a connection, ours or the driver's, of either flavour."""
    raw = connection._target if isinstance(connection, InLoop) else connection
    raw = getattr(raw, "target_connection", raw)
    packages = [of.__module__.partition(".")[0] for of in type(raw).__mro__]
    return next(name for name in packages if name != "aws_advanced_python_wrapper")


def engine_of(connection: Any) -> Engine:
    """Return the engine that a connection leads to."""
    return POSTGRESQL if package_of(connection) == "psycopg" else MYSQL


def execute(connection: Any, query: str, *parameters: Any) -> Any:
    """Run a query on a new cursor, which is returned, with its rows on the client."""
    if engine_of(connection) is POSTGRESQL:
        return connection.execute(query, parameters or None)
    buffered = {"buffered": True} if package_of(connection) == "mysql" else {}
    cursor = connection.cursor(**buffered)
    cursor.execute(query, parameters or None)
    return cursor


def value(connection: Any, query: str, *parameters: Any) -> Any:
    """Run a query on a new cursor and return the first column of its first row."""
    if engine_of(connection) is POSTGRESQL:
        cursor: Any = connection.cursor(row_factory=psycopg.rows.tuple_row)
        with cursor:
            return cursor.execute(query, parameters or None).fetchone()[0]
    cursor = execute(connection, query, *parameters)
    (first, *_), *_ = cursor.fetchall()
    cursor.close()
    return first


def instance_of(connection: Any) -> str:
    """Ask an Aurora instance for its name."""
    return str(value(connection, engine_of(connection).who))


def is_reader(connection: Any) -> bool:
    """Ask a server whether it takes no writes."""
    return bool(value(connection, engine_of(connection).is_reader))


def process_of(connection: Any) -> int:
    """Ask the server for the number of the connection's process or thread."""
    return int(value(connection, engine_of(connection).process))


def ids_in(connection: Any, table: str) -> list[int]:
    """Return the values of the column `id` of a table."""
    return [number for (number,) in execute(connection, f"SELECT id FROM {table} ORDER BY id").fetchall()]


def is_in_transaction(connection: Any) -> bool:
    """Tell by what the driver knows whether a transaction is open."""
    source = connection._session.adapter.transaction_source(connection.target_connection)
    return bool(source.transaction_status)


def pattern(cluster: LocalCluster) -> str:
    """Return the `cluster_instance_host_pattern` of a cluster."""
    return f"?.{cluster.settings.names().domain}"


def at_server(cluster: LocalCluster, instance: str, query: str) -> Any:
    """Ask a server itself, past the driver and the proxy."""
    with closing(cluster.connect_directly(instance)) as direct:
        return value(direct, query)


def true_writer(cluster: LocalCluster) -> str:
    """Return the instance that says itself that it writes."""
    query = ENGINES[cluster.settings.engine].is_reader
    running = [instance.name for instance in cluster.instances if instance.state == "running"]
    (writer,) = [name for name in running if not at_server(cluster, name, query)]
    return writer


def assert_on_true_writer(cluster: LocalCluster, connection: Any) -> None:
    """Check by the servers themselves that the connection leads to the one that writes."""
    instance = instance_of(connection)
    assert not at_server(cluster, instance, engine_of(connection).is_reader)
    assert instance == true_writer(cluster)


def end_process(cluster: LocalCluster, host: str, process: int) -> None:
    """Have a server end one of its connections, and wait until it has."""
    engine = ENGINES[cluster.settings.engine]
    with closing(cluster.connect_directly(host)) as direct:
        execute(direct, engine.end_process.format(process))
    eventually(lambda: not at_server(cluster, host, engine.has_process.format(process)))


def administrate(cluster: LocalCluster, *statements: str) -> None:
    """Run statements as superuser at the writer."""
    with closing(cluster.connect_directly(cluster.writer)) as direct:
        for statement in statements:
            execute(direct, statement)


def fresh_table(cluster: LocalCluster, name: str, columns: str = "id int PRIMARY KEY") -> str:
    """Make an empty table for the cluster's user and return its name."""
    on_postgresql = cluster.settings.engine == POSTGRESQL.name
    table = f"public.{name}" if on_postgresql else f"{cluster.database}.{name}"
    grants = [f"GRANT ALL ON {table} TO PUBLIC"] if on_postgresql else []
    administrate(cluster, f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} ({columns})", *grants)
    return table


@contextmanager
def login_role(cluster: LocalCluster, name: str, password: str) -> Iterator[str]:
    """Have one more user for a while."""
    if cluster.settings.engine == POSTGRESQL.name:
        role = sql.Identifier(name).as_string()
        create, drop = [f"CREATE ROLE {role} LOGIN PASSWORD {sql.Literal(password).as_string()}"], "DROP ROLE"
    else:
        role = f"'{name}'@'%'"
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        create = [f"CREATE USER {role} IDENTIFIED BY '{quoted}'", f"GRANT ALL ON {cluster.database}.* TO {role}"]
        drop = "DROP USER"
    administrate(cluster, f"{drop} IF EXISTS {role}", *create)
    yield name
    cluster.wait_settled()
    administrate(cluster, f"{drop} {role}")


@contextmanager
def database(cluster: LocalCluster, name: str) -> Iterator[str]:
    """Have one more database for a while."""
    on_postgresql = cluster.settings.engine == POSTGRESQL.name
    identifier = sql.Identifier(name).as_string() if on_postgresql else name
    force = " WITH (FORCE)" if on_postgresql else ""
    administrate(cluster, f"DROP DATABASE IF EXISTS {identifier}{force}", f"CREATE DATABASE {identifier}")
    yield name
    cluster.wait_settled()
    administrate(cluster, f"DROP DATABASE {identifier}{force}")


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


def interrupt_the_test() -> None:
    """Have the main thread hear what a user's Ctrl-C is; pytest's limit, which is a signal too, stays."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


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
