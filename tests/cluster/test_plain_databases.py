"""On a database that is no cluster the driver stands aside: same errors, no thread, no waiting."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import FailoverError, release_resources
from aws_advanced_python_wrapper.local import LocalCluster
from cluster.drivers import both_engines
from cluster.local.plainly import servers
from cluster.support import (
    at_server,
    driver_threads,
    end_process,
    execute,
    is_in_transaction,
    process_of,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = both_engines


@pytest.fixture(scope="module")
def server_of() -> Iterator[Callable[[str, str], LocalCluster]]:
    """Return a function that returns the module's server of an engine and a deployment."""
    with ExitStack() as stack:

        @functools.cache
        def start(engine: str, deployment: str) -> LocalCluster:
            settings: dict[str, Any] = {"name": f"{deployment}-{engine}", "deployment": deployment, "instances": 1}
            return stack.enter_context(LocalCluster(**settings, **servers(engine)))

        yield start


@pytest.fixture(params=["plain", "rds"])
def plain(
    request: pytest.FixtureRequest, driver: Driver, server_of: Callable[[str, str], LocalCluster]
) -> LocalCluster:
    one_server = server_of(driver.engine.name, request.param)
    one_server.restore()
    release_resources()
    return one_server


plugins = pytest.mark.parametrize("settings", [{}, {"plugins": ""}, {"plugins": "failover"}], ids=str)
endpoints = pytest.mark.parametrize("endpoint", ["cluster", "instance", "address", "custom domain"])


def host(plain: LocalCluster, endpoint: str) -> str:
    return {
        "cluster": plain.writer_endpoint,
        "instance": plain.writer.host,
        "address": plain.writer.address,
        "custom domain": plain.alias(f"{plain.settings.name}.example.com"),
    }[endpoint]


# Transactions of the user's at the server.
OPEN = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND state <> 'idle'",
    "mysql": (
        "SELECT COUNT(*) FROM information_schema.innodb_trx JOIN information_schema.processlist "
        "ON id = trx_mysql_thread_id WHERE user = '{}'"
    ),
}


def refused(driver: Driver) -> tuple[type[Exception], ...]:
    """Return what the driver raises where nobody listens; mysql.connector.aio leaves it to asyncio."""
    return (driver.module.Error, ConnectionRefusedError)


def is_ours(error: BaseException) -> bool:
    return type(error).__module__.startswith("aws_advanced_python_wrapper")


@plugins
@endpoints
def test_a_plain_server_is_connected_to(
    plain: LocalCluster, connect: Connect, endpoint: str, settings: dict[str, Any]
) -> None:
    connection = connect(plain, host(plain, endpoint), **settings)
    assert value(connection, "SELECT 1") == 1
    assert connection._session.cluster is None


@plugins
@pytest.mark.drivers("postgresql")
def test_the_error_of_a_killed_backend_passes_unchanged(
    plain: LocalCluster, connect: Connect, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    end_process(plain, plain.writer.name, process_of(connection))
    with pytest.raises(psycopg.errors.AdminShutdown) as caught:
        execute(connection, "SELECT 1")
    assert type(caught.value) is psycopg.errors.AdminShutdown
    assert caught.value.sqlstate == "57P01"
    assert caught.value.__cause__ is None
    assert connection.closed
    with pytest.raises(psycopg.OperationalError, match="the connection is closed"):
        execute(connection, "SELECT 1")


@plugins
@pytest.mark.drivers("mysql")
def test_the_error_of_a_killed_thread_passes_unchanged(
    plain: LocalCluster, connect: Connect, driver: Driver, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    end_process(plain, plain.writer.name, process_of(connection))
    for _ in range(2):
        with pytest.raises(driver.module.Error) as caught:
            execute(connection, "SELECT 1")
        assert not is_ours(caught.value)
    assert value(connect(plain, **settings), "SELECT 1") == 1


@plugins
def test_the_error_of_a_killed_server_passes_unchanged(
    plain: LocalCluster, connect: Connect, driver: Driver, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    plain.kill(plain.writer)
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, "SELECT 1")
    assert not is_ours(caught.value)
    with pytest.raises(refused(driver)) as refusal:
        connect(plain, **settings)
    assert not is_ours(refusal.value)


@plugins
@pytest.mark.drivers("postgresql")
def test_an_attempt_that_must_fail_fails_as_it_does_without_the_driver(
    plain: LocalCluster, connect: Connect, settings: dict[str, Any]
) -> None:
    for wrong in (
        {"password": "wrong"},
        {"dbname": "nowhere"},
        {"user": "nobody"},
        {"port": 1},
        {"host": "no.invalid"},
    ):
        arguments: dict[str, Any] = dict(wrong)
        asked = arguments.pop("host", None)
        with pytest.raises(psycopg.OperationalError) as plainly:
            psycopg.connect(plain.conninfo(asked), **arguments)
        with pytest.raises(psycopg.OperationalError) as caught:
            connect(plain, asked, **settings, **arguments)
        assert type(caught.value) is type(plainly.value)
        assert str(caught.value) == str(plainly.value)


@plugins
@pytest.mark.drivers("mysql")
@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"user": "nobody"}, {"database": "nowhere"}, {"port": 1}], ids=str
)
def test_an_attempt_that_must_fail_fails_with_the_error_of_mysqls_driver(
    plain: LocalCluster, connect: Connect, driver: Driver, settings: dict[str, Any], wrong: dict[str, Any]
) -> None:
    plainly = error_of(lambda: driver.connect(**as_the_driver_takes_it(driver, plain, wrong)))
    caught = error_of(lambda: connect(plain, **settings, **wrong))
    assert type(caught) is type(plainly)
    assert str(caught) == str(plainly)


def as_the_driver_takes_it(driver: Driver, plain: LocalCluster, wrong: dict[str, Any]) -> dict[str, Any]:
    given = {**plain.parameters(), **driver.arguments, **wrong}
    if driver.name == "aiomysql":
        given["db"] = given.pop("database")
        given.pop("ssl_disabled", None)
    return given


def error_of(connecting: Callable[[], Any]) -> BaseException:
    """Return what an attempt to connect raises, of either flavour."""

    async def attempt() -> None:
        result = connecting()
        if inspect.isawaitable(result):
            await result

    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it is compared
        asyncio.run(attempt())
    return caught.value


@plugins
def test_a_server_that_refuses_everybody_is_no_failover(
    plain: LocalCluster, connect: Connect, driver: Driver, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    plain.writer.proxy.refuse()
    plain.writer.proxy.reset()
    began = time.monotonic()
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, "SELECT 1")
    assert not is_ours(caught.value)
    with pytest.raises(refused(driver)):
        connect(plain, **settings)
    assert time.monotonic() - began < 20, "a failover may take minutes"
    plain.writer.proxy.accept()
    assert value(connect(plain, **settings), "SELECT 1") == 1


@plugins
def test_a_transaction_that_is_lost_ends_with_the_drivers_own_error(
    plain: LocalCluster, connect: Connect, driver: Driver, settings: dict[str, Any]
) -> None:
    connection = connect(plain, autocommit=False, **settings)
    execute(connection, driver.engine.begin)
    plain.failover()  # with nobody to take over: a restart
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, "SELECT 1")
    assert not isinstance(caught.value, FailoverError)
    assert value(connect(plain, **settings), "SELECT 1") == 1


def test_the_only_thread_is_that_of_host_monitoring(plain: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = connect(plain, failure_detection_time_ms=50)
    execute(connection, driver.engine.sleep.format(0.3))
    names = {thread.name.partition(" ")[0] for thread in threading.enumerate() if thread.daemon}
    assert "host" in names
    assert "topology" not in names


def test_no_thread_is_started_for_a_topology(plain: LocalCluster, connect: Connect, driver: Driver) -> None:
    settings = {"plugins": "aurora_connection_tracker,failover"}
    connect(plain, **settings).close()  # the drivers of MySQL have one for the limits of their own queries
    before = set(threading.enumerate())
    connection = connect(plain, **settings)
    execute(connection, "SELECT 1")
    end_process(plain, plain.writer.name, process_of(connection))
    with pytest.raises(driver.module.Error):
        execute(connection, "SELECT 1")
    connect(plain, **settings)
    assert set(threading.enumerate()) <= before
    assert not driver_threads()


@plugins
def test_no_transaction_is_opened(plain: LocalCluster, connect: Connect, settings: dict[str, Any]) -> None:
    for _ in range(2):  # the second connection knows what the first has found out
        connection = connect(plain, autocommit=False, **settings)
        assert not is_in_transaction(connection)
        assert at_server(plain, plain.writer.name, OPEN[plain.settings.engine].format(plain.user)) == 0


@pytest.mark.parametrize("endpoint", ["writer", "reader", "instance"])
def test_no_transaction_is_opened_on_a_cluster(cluster: LocalCluster, connect: Connect, endpoint: str) -> None:
    host = {"writer": cluster.writer_endpoint, "reader": cluster.reader_endpoint, "instance": cluster.writer.host}
    for _ in range(2):
        connection = connect(cluster, host[endpoint], autocommit=False)
        assert not is_in_transaction(connection)
        connection.read_only = True  # psycopg refuses this inside a transaction


def test_a_connection_that_failed_over_is_in_no_transaction(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, autocommit=False)
    execute(connection, driver.engine.begin)
    cluster.failover()
    with pytest.raises(driver.module.OperationalError):
        execute(connection, "SELECT 1")
    assert not is_in_transaction(connection)


@pytest.mark.drivers("postgresql")
def test_psycopgs_settings_have_their_effect(plain: LocalCluster, connect: Connect) -> None:
    connection = connect(plain, options="-c application_name=from_options -c search_path=pg_temp", autocommit=False)
    assert value(connection, "SHOW application_name") == "from_options"
    with connection.transaction(), connection.pipeline(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE things (id int) ON COMMIT DROP")
        cursor.executemany("INSERT INTO things VALUES (%s)", [(number,) for number in range(10)])
    with connection.cursor() as cursor, cursor.copy("COPY (SELECT generate_series(1, 3)) TO STDOUT") as copy:
        assert list(copy.rows()) == [("1",), ("2",), ("3",)]
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, 300)")
        assert sum(row[0] for row in cursor) == 45150
    assert [row[0] for row in connection.cursor().stream("SELECT generate_series(1, 3)")] == [1, 2, 3]
    connection.rollback()
