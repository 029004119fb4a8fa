"""On a database that is no cluster the driver stands aside: same errors, no thread, no waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from aws_advanced_python_wrapper import release_resources
from cluster.support import at_server, driver_threads, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect


@pytest.fixture(scope="module")
def one_server(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    return local_cluster_factory(name="plain", deployment="plain", instances=1)


@pytest.fixture
def plain(one_server: LocalCluster) -> LocalCluster:
    one_server.restore()
    release_resources()
    return one_server


plugins = pytest.mark.parametrize("settings", [{}, {"plugins": ""}, {"plugins": "failover"}], ids=str)
endpoints = pytest.mark.parametrize("endpoint", ["cluster", "instance", "address"])


def host(plain: LocalCluster, endpoint: str) -> str:
    return {"cluster": plain.writer_endpoint, "instance": plain.writer.host, "address": plain.writer.address}[endpoint]


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
