"""On a database that is no cluster the driver stands aside: same errors, no thread, no waiting."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from aws_advanced_python_wrapper import FailoverError, release_resources
from aws_advanced_python_wrapper.local import LocalCluster
from cluster.support import at_server, driver_threads, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from cluster.support import Connect


@pytest.fixture(scope="module", params=["plain", "rds"])
def one_server(request: pytest.FixtureRequest) -> Iterator[LocalCluster]:
    with LocalCluster(name=request.param, deployment=request.param, instances=1) as server:
        yield server


@pytest.fixture
def plain(one_server: LocalCluster) -> LocalCluster:
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
        "custom domain": plain.alias("db.example.com"),
    }[endpoint]


def end_backend(plain: LocalCluster, connection: AwsWrapperConnection) -> None:
    at_server(plain, plain.writer.name, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 20000)")


@plugins
@endpoints
def test_a_plain_server_is_connected_to(
    plain: LocalCluster, connect: Connect, endpoint: str, settings: dict[str, Any]
) -> None:
    connection = connect(plain, host(plain, endpoint), **settings)
    assert value(connection, "SELECT 1") == 1
    assert connection._session.cluster is None


@plugins
def test_the_error_of_a_killed_backend_passes_unchanged(
    plain: LocalCluster, connect: Connect, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    end_backend(plain, connection)
    with pytest.raises(psycopg.errors.AdminShutdown) as caught:
        connection.execute("SELECT 1")
    assert type(caught.value) is psycopg.errors.AdminShutdown
    assert caught.value.sqlstate == "57P01"
    assert caught.value.__cause__ is None
    assert connection.closed
    with pytest.raises(psycopg.OperationalError, match="the connection is closed"):
        connection.execute("SELECT 1")


@plugins
def test_the_error_of_a_killed_server_passes_unchanged(
    plain: LocalCluster, connect: Connect, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    plain.kill(plain.writer)
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("SELECT 1")
    assert type(caught.value).__module__.startswith("psycopg")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(plain, **settings)


@plugins
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
def test_a_server_that_refuses_everybody_is_no_failover(
    plain: LocalCluster, connect: Connect, settings: dict[str, Any]
) -> None:
    connection = connect(plain, **settings)
    plain.writer.proxy.refuse()
    plain.writer.proxy.reset()
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("SELECT 1")
    assert type(caught.value) is psycopg.OperationalError
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(plain, **settings)
    assert time.monotonic() - began < 20, "a failover may take minutes"
    plain.writer.proxy.accept()
    assert value(connect(plain, **settings), "SELECT 1") == 1


@plugins
def test_a_transaction_that_is_lost_ends_with_the_drivers_own_error(
    plain: LocalCluster, connect: Connect, settings: dict[str, Any]
) -> None:
    connection = connect(plain, autocommit=False, **settings)
    connection.execute("SELECT 1")
    plain.failover()  # with nobody to take over: a restart
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("SELECT 1")
    assert not isinstance(caught.value, FailoverError)
    assert value(connect(plain, **settings), "SELECT 1") == 1


def test_the_only_thread_is_that_of_host_monitoring(plain: LocalCluster, connect: Connect) -> None:
    connection = connect(plain, failure_detection_time_ms=50)
    connection.execute("SELECT pg_sleep(0.3)")
    names = {thread.name.partition(" ")[0] for thread in threading.enumerate() if thread.daemon}
    assert "host" in names
    assert "topology" not in names


def test_no_thread_is_started_for_a_topology(plain: LocalCluster, connect: Connect) -> None:
    before = set(threading.enumerate())
    settings = {"plugins": "aurora_connection_tracker,failover"}
    connection = connect(plain, **settings)
    connection.execute("SELECT 1")
    end_backend(plain, connection)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connect(plain, **settings)
    assert set(threading.enumerate()) == before
    assert not driver_threads()


@plugins
def test_no_transaction_is_opened(plain: LocalCluster, connect: Connect, settings: dict[str, Any]) -> None:
    for _ in range(2):  # the second connection knows what the first has found out
        connection = connect(plain, autocommit=False, **settings)
        assert connection.info.transaction_status == TransactionStatus.IDLE
        state = f"SELECT state FROM pg_stat_activity WHERE pid = {connection.info.backend_pid}"
        assert at_server(plain, plain.writer.name, state) == "idle"


@pytest.mark.parametrize("endpoint", ["writer", "reader", "instance"])
def test_no_transaction_is_opened_on_a_cluster(cluster: LocalCluster, connect: Connect, endpoint: str) -> None:
    host = {"writer": cluster.writer_endpoint, "reader": cluster.reader_endpoint, "instance": cluster.writer.host}
    for _ in range(2):
        connection = connect(cluster, host[endpoint], autocommit=False)
        assert connection.info.transaction_status == TransactionStatus.IDLE
        connection.read_only = True  # psycopg refuses this inside a transaction


def test_a_connection_that_failed_over_is_in_no_transaction(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False)
    connection.execute("SELECT 1")
    cluster.failover()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert connection.info.transaction_status == TransactionStatus.IDLE


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
