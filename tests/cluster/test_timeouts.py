"""Network timeouts on real servers: what ends, and how the program goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import psycopg_pool
import pytest

from aws_advanced_python_wrapper import (
    AwsWrapperConnection,
    FailoverSuccessError,
    QueryTimeoutError,
    TransactionResolutionUnknownError,
)
from cluster.drivers import every_driver
from cluster.support import Background, Connect, assert_on_true_writer, execute, fresh_table, value
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

pytestmark = every_driver

SECONDS = 1.0


def test_a_frozen_writer_is_failed_over_by_the_timeout(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    cluster.set_delays(hang_detection=3 * SECONDS)
    connection = connect(cluster, plugins="failover", socket_timeout=SECONDS)
    value(connection, "SELECT 1")
    failing_over = Background(cluster.failover, kind="hang")
    with pytest.raises(FailoverSuccessError) as raised:
        value(connection, driver.engine.sleep.format(600))
    assert isinstance(raised.value.__cause__, QueryTimeoutError)
    failing_over.result()
    assert_on_true_writer(cluster, connection)


def test_a_slow_commit_is_of_unknown_outcome(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "slow_commit")
    connection = connect(cluster, plugins="failover", socket_timeout=SECONDS, autocommit=False)
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    raw, proxy = connection.target_connection, cluster.writer.proxy
    proxy.blackhole()
    committing = Background(connection.commit)
    eventually(lambda: connection._session.adapter.is_closed(raw) or connection.target_connection is not raw)
    proxy.resume()
    with pytest.raises(TransactionResolutionUnknownError) as raised:
        committing.result()
    assert isinstance(raised.value.__cause__, QueryTimeoutError)
    assert_on_true_writer(cluster, connection)


def test_each_connection_that_takes_over_has_the_limit(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = connect(cluster, plugins="failover", socket_timeout=SECONDS)
    for _ in range(2):
        raw = connection.target_connection
        with pytest.raises(FailoverSuccessError):
            value(connection, driver.engine.sleep.format(600))
        assert connection.target_connection is not raw
    assert value(connection, "SELECT 1") == 1


def test_a_server_whose_every_answer_is_quick_may_be_asked_for_long(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, plugins="none", socket_timeout=SECONDS)
    for _ in range(5):
        value(connection, driver.engine.sleep.format(SECONDS / 3))


@pytest.mark.drivers("postgresql")
def test_a_connection_without_a_limit_is_the_drivers_own(cluster: LocalCluster, connect: Connect) -> None:
    assert not hasattr(connect(cluster, plugins="none").target_connection, "_wait_limit")


@pytest.mark.parametrize("plugins", ["none", "failover,host_monitoring"])
def test_a_host_that_swallows_everything_is_not_connected_to_for_ever(
    cluster: LocalCluster, connect: Connect, driver: Driver, plugins: str
) -> None:
    cluster.writer.proxy.blackhole()
    with pytest.raises(driver.module.Error):
        Background(connect, cluster, cluster.writer.host, plugins=plugins, connect_timeout=2).result()


@pytest.mark.drivers("postgresql")
def test_a_pool_of_psycopgs_replaces_a_connection_that_timed_out(cluster: LocalCluster) -> None:
    our_class = cast("Any", AwsWrapperConnection)
    settings: dict[str, Any] = {"plugins": "none", "socket_timeout": SECONDS}
    options: dict[str, Any] = {"min_size": 1, "max_size": 1, "open": False}
    with psycopg_pool.ConnectionPool(
        cluster.conninfo(), connection_class=our_class, kwargs=settings, **options
    ) as pool:
        with pytest.raises(QueryTimeoutError), pool.connection() as connection:
            connection.execute("SELECT pg_sleep(600)")
        with pool.connection() as connection:
            assert value(connection, "SELECT 1") == 1
