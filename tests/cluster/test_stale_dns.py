"""The cluster endpoint leads to the writer, also while DNS still names the one before."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from cluster import programs
from cluster.drivers import every_driver
from cluster.engines import POSTGRESQL
from cluster.support import Background, assert_on_true_writer, at_server, instance_of, is_reader, value
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.instance import Instance
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("postgresql", "mysql-c", "mysql-aio")

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
        value(connection, "SELECT 1")
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
    connection = connect()
    print(ask(connection, words[0]))
    cursor = connection.cursor()
    cursor.execute("CREATE TEMPORARY TABLE writable (id int)")
    cursor.close()
    connection.close()
    """


def opened_by_a_new_process(cluster: LocalCluster, driver: Driver, plugins: str) -> str:
    """Return the instance that a process is led to which knows nothing yet, and can write."""
    command = programs.command(COLD, cluster.conninfo(plugins=plugins), driver, driver.engine.who)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True).stdout.strip()


@plugins
@kinds
def test_a_new_process_opens_the_new_writer_where_dns_leads_to_a_reader(
    cluster_with_slow_dns: LocalCluster, driver: Driver, kind: FailoverKind, plugins: str
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    result = cluster.failover(kind=kind, wait="all")
    assert_dns_names(cluster, old)
    assert opened_by_a_new_process(cluster, driver, plugins) == result.new_writer


@plugins
def test_a_new_process_opens_the_writer_where_dns_lies(cluster: LocalCluster, driver: Driver, plugins: str) -> None:
    cluster.set_dns(cluster.writer_endpoint, cluster.readers[1])
    assert opened_by_a_new_process(cluster, driver, plugins) == cluster.writer.name


@every_driver
@plugins
def test_an_endpoint_that_comes_to_lie_is_seen_through(cluster: LocalCluster, connect: Connect, plugins: str) -> None:
    for reader in cluster.readers:
        cluster.set_dns(cluster.writer_endpoint, reader)
        assert_on_true_writer(cluster, connect(cluster, plugins=plugins))


@every_driver
@plugins
def test_the_session_knows_the_host_it_was_led_to(
    cluster: LocalCluster, connect: Connect, driver: Driver, plugins: str
) -> None:
    cluster.set_dns(cluster.writer_endpoint, cluster.readers[0])
    connection = connect(cluster, plugins=plugins)
    assert connection._session.host.host == cluster.writer.host
    if driver.engine is POSTGRESQL:
        assert connection.info.host == cluster.writer.host


def open_until_it_succeeds(
    cluster: LocalCluster, connect: Connect, driver: Driver, plugins: str
) -> AwsWrapperConnection:
    """Do as a program does that tries again after an error."""

    def attempt() -> AwsWrapperConnection | None:
        try:
            return connect(cluster, connect_timeout=2, plugins=plugins)
        except driver.module.Error:
            return None

    return eventually(attempt)


@plugins
@kinds
def test_a_process_whose_connections_are_idle_opens_the_new_writer_while_the_old_one_is_gone(
    cluster_with_slow_dns: LocalCluster, connect: Connect, driver: Driver, plugins: str, kind: FailoverKind
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster, plugins=plugins)
    result = cluster.failover(kind=kind)
    connection = open_until_it_succeeds(cluster, connect, driver, plugins)
    assert instance_of(connection) == result.new_writer
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
    assert instance_of(opening.result()) == result.new_writer


@plugins
@kinds
def test_during_a_failover_an_attempt_fails_or_leads_to_the_writer(
    cluster_with_slow_dns: LocalCluster, connect: Connect, driver: Driver, plugins: str, kind: FailoverKind
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster, plugins=plugins)
    failover = Background(cluster.failover, kind=kind)
    eventually(lambda: cluster.instance(old.name).state != "running" or not failover.is_alive())
    connection = open_until_it_succeeds(cluster, connect, driver, plugins)
    result = failover.result()
    assert not is_reader(connection)
    assert instance_of(connection) == result.new_writer


def test_with_connect_failover_the_first_attempt_leads_to_the_writer_while_the_old_one_hangs(
    cluster_with_slow_dns: LocalCluster, connect: Connect, driver: Driver
) -> None:
    cluster, old = cluster_with_slow_dns, cluster_with_slow_dns.writer
    connect(cluster)
    cluster.pause(old)
    failover = Background(cluster.failover, kind="hang")
    connection = connect(cluster, connect_timeout=2, enable_connect_failover=True)
    result = failover.result()
    assert instance_of(connection) == result.new_writer
    assert not at_server(cluster, result.new_writer, driver.engine.is_reader)
