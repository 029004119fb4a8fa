"""The cluster endpoint leads to the writer, also while DNS still names the one before."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psycopg
import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from cluster.support import (
    WHO,
    Background,
    assert_on_true_writer,
    at_server,
    eventually,
    program,
    value,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.instance import Instance
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.support import Connect

kinds = pytest.mark.parametrize("kind", ["crash", "hang"])
plugins = pytest.mark.parametrize("plugins", ["failover", "stale_dns"])


@pytest.fixture
def cluster_with_slow_dns(cluster: LocalCluster) -> LocalCluster:
    cluster.set_delays(dns_delay=600.0)
    return cluster


def assert_dns_names(cluster: LocalCluster, instance: Instance) -> None:
    assert socket.gethostbyname(cluster.writer_endpoint) == instance.address


@kinds
@pytest.mark.parametrize("old_writer", ["gone", "back as a reader"])
def test_a_process_that_has_failed_over_opens_the_new_writer(
    cluster_with_slow_dns: LocalCluster, connect: Connect, kind: FailoverKind, old_writer: str
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connection = connect(cluster)
    cluster.failover(kind=kind, wait="all" if old_writer == "back as a reader" else "writer")
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    for _ in range(3):
        assert_on_true_writer(cluster, connect(cluster))
    assert_dns_names(cluster, old)


@plugins
@kinds
def test_a_process_whose_connections_are_idle_opens_the_new_writer(
    cluster_with_slow_dns: LocalCluster, connect: Connect, plugins: str, kind: FailoverKind
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster, plugins=plugins)
    cluster.failover(kind=kind, wait="all")
    assert_on_true_writer(cluster, connect(cluster, plugins=plugins))
    assert_dns_names(cluster, old)


@plugins
@kinds
def test_a_process_whose_connections_are_closed_opens_the_new_writer(
    cluster_with_slow_dns: LocalCluster, connect: Connect, plugins: str, kind: FailoverKind
) -> None:
    cluster = cluster_with_slow_dns
    connect(cluster, plugins=plugins).close()
    cluster.failover(kind=kind, wait="all")
    assert_on_true_writer(cluster, connect(cluster, plugins=plugins))


COLD = """
    import sys
    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection

    with AwsWrapperConnection.connect(psycopg.Connection.connect, sys.argv[1], autocommit=True) as connection:
        print(*connection.execute("SELECT pg_catalog.aurora_db_instance_identifier()").fetchone())
        connection.execute("CREATE TEMP TABLE writable (id int)")
    """


@plugins
@kinds
def test_a_new_process_opens_the_new_writer_where_dns_leads_to_a_reader(
    cluster_with_slow_dns: LocalCluster, kind: FailoverKind, plugins: str
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    result = cluster.failover(kind=kind, wait="all")
    assert_dns_names(cluster, old)
    assert program(COLD, cluster.conninfo(plugins=plugins)) == result.new_writer


@plugins
def test_a_new_process_opens_the_writer_where_dns_lies(cluster: LocalCluster, plugins: str) -> None:
    cluster.set_dns(cluster.writer_endpoint, cluster.readers[1])
    assert program(COLD, cluster.conninfo(plugins=plugins)) == cluster.writer.name


@plugins
def test_an_endpoint_that_comes_to_lie_is_seen_through(cluster: LocalCluster, connect: Connect, plugins: str) -> None:
    for reader in cluster.readers:
        cluster.set_dns(cluster.writer_endpoint, reader)
        assert_on_true_writer(cluster, connect(cluster, plugins=plugins))


@plugins
def test_the_session_knows_the_host_it_was_led_to(cluster: LocalCluster, connect: Connect, plugins: str) -> None:
    cluster.set_dns(cluster.writer_endpoint, cluster.readers[0])
    connection = connect(cluster, plugins=plugins)
    assert connection._session.host.host == cluster.writer.host
    assert connection.info.host == cluster.writer.host


def open_until_it_succeeds(cluster: LocalCluster, connect: Connect, plugins: str) -> AwsWrapperConnection:
    """Do as a program does that tries again after an error."""

    def attempt() -> AwsWrapperConnection | None:
        try:
            return connect(cluster, connect_timeout=2, plugins=plugins)
        except psycopg.OperationalError:
            return None

    return eventually(attempt)


@plugins
@kinds
def test_a_process_whose_connections_are_idle_opens_the_new_writer_while_the_old_one_is_gone(
    cluster_with_slow_dns: LocalCluster, connect: Connect, plugins: str, kind: FailoverKind
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster, plugins=plugins)
    result = cluster.failover(kind=kind)
    connection = open_until_it_succeeds(cluster, connect, plugins)
    assert value(connection, WHO) == result.new_writer
    assert_dns_names(cluster, old)


@plugins
def test_an_attempt_that_began_while_the_old_writer_hung_leads_to_the_new_one(
    cluster_with_slow_dns: LocalCluster, connect: Connect, plugins: str
) -> None:
    cluster = cluster_with_slow_dns
    connect(cluster, plugins=plugins)
    cluster.writer.proxy.blackhole()
    opening = Background(connect, cluster, plugins=plugins)
    opening.join(0.3)
    assert opening.is_alive()
    result = cluster.failover(kind="hang")
    assert value(opening.result(), WHO) == result.new_writer


@plugins
@kinds
def test_during_a_failover_an_attempt_fails_or_leads_to_the_writer(
    cluster_with_slow_dns: LocalCluster, connect: Connect, plugins: str, kind: FailoverKind
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster, plugins=plugins)
    failover = Background(cluster.failover, kind=kind)
    eventually(lambda: cluster.instance(old.name).state != "running" or not failover.is_alive())
    connection = open_until_it_succeeds(cluster, connect, plugins)
    result = failover.result()
    assert value(connection, "SELECT pg_is_in_recovery()") is False
    assert value(connection, WHO) == result.new_writer


def test_with_connect_failover_the_first_attempt_leads_to_the_writer_while_the_old_one_hangs(
    cluster_with_slow_dns: LocalCluster, connect: Connect
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster)
    cluster.pause(old)
    failover = Background(cluster.failover, kind="hang")
    connection = connect(cluster, connect_timeout=2, enable_connect_failover=True)
    result = failover.result()
    assert value(connection, WHO) == result.new_writer
    assert at_server(cluster, result.new_writer, "SELECT pg_is_in_recovery()") is False
