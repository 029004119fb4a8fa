"""Every kind of endpoint leads to a host that serves it, before and after a failover."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError
from cluster.drivers import every_driver
from cluster.support import Background, assert_on_true_writer, execute, instance_of, is_reader, pattern

if TYPE_CHECKING:
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.instance import Instance
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver


def fail_over(cluster: LocalCluster, connection: AwsWrapperConnection) -> None:
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")


def test_the_writer_endpoint_leads_to_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, cluster.writer_endpoint)
    assert_on_true_writer(cluster, connection)
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)


def test_the_reader_endpoint_leads_to_a_reader(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, cluster.reader_endpoint)
    assert is_reader(connection)
    fail_over(cluster, connection)
    assert is_reader(connection)


def test_a_custom_endpoint_leads_to_a_member(cluster: LocalCluster, connect: Connect) -> None:
    member = cluster.readers[1]
    connection = connect(cluster, cluster.custom_endpoint("reports", [member]))
    assert instance_of(connection) == member.name
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_an_instance_endpoint_leads_to_the_instance(cluster: LocalCluster, connect: Connect, role: str) -> None:
    instance = cluster.writer if role == "writer" else cluster.readers[0]
    connection = connect(cluster, instance.host)
    assert instance_of(connection) == instance.name
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)


def test_the_case_of_a_host_name_does_not_matter(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, cluster.writer_endpoint.upper())
    assert_on_true_writer(cluster, connection)
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)


@pytest.mark.parametrize("port", [True, False], ids=["port in the pattern", "no port in the pattern"])
def test_an_ip_address_with_a_pattern_fails_over(cluster: LocalCluster, connect: Connect, port: bool) -> None:
    text = pattern(cluster) + (f":{cluster.port}" if port else "")
    connection = connect(cluster, cluster.writer.address, cluster_instance_host_pattern=text)
    assert_on_true_writer(cluster, connection)
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)


def test_an_ip_address_without_a_pattern_is_refused_with_advice(cluster: LocalCluster, connect: Connect) -> None:
    began = time.monotonic()
    with pytest.raises(AwsWrapperError, match=r"Set cluster_instance_host_pattern .* '\?\.c1x2y3z4abcd"):
        connect(cluster, cluster.writer.address)
    assert time.monotonic() - began < 20


def test_an_ip_address_without_failover_needs_no_pattern(cluster: LocalCluster, connect: Connect) -> None:
    assert instance_of(connect(cluster, cluster.writer.address, plugins="")) == cluster.writer.name


@pytest.mark.drivers("postgresql")  # the others have no parameter for it
def test_an_address_beside_the_name_is_where_the_connection_goes(cluster: LocalCluster, connect: Connect) -> None:
    reader: Instance = cluster.readers[0]
    connection = connect(cluster, cluster.writer_endpoint, hostaddr=reader.address)
    assert instance_of(connection) == reader.name
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)


def test_all_endpoints_of_a_cluster_lead_to_one_topology(cluster: LocalCluster, connect: Connect) -> None:
    custom = cluster.custom_endpoint("all", cluster.instances)
    names = [cluster.reader_endpoint, cluster.readers[0].host, custom, cluster.writer_endpoint, cluster.writer.host]
    connections = [connect(cluster, name) for name in names]
    connections.append(connect(cluster, cluster.writer.address, cluster_instance_host_pattern=pattern(cluster)))
    assert len({id(connection._session.cluster) for connection in connections}) == 1


@pytest.mark.parametrize("first", ["reader", "instance", "custom", "writer"])
def test_whichever_endpoint_came_first_the_topology_is_complete(
    cluster: LocalCluster, connect: Connect, first: str
) -> None:
    host = {
        "reader": cluster.reader_endpoint,
        "instance": cluster.readers[1].host,
        "custom": cluster.custom_endpoint("some", cluster.readers),
        "writer": cluster.writer_endpoint,
    }[first]
    known: Any = connect(cluster, host)._session.cluster
    assert {member.host for member in known.store.current.hosts} == {member.host for member in cluster.instances}
    assert known.store.current.writer.host == cluster.writer.host
    assert connect(cluster)._session.cluster is known


def test_two_clusters_in_one_process_never_mix(
    cluster: LocalCluster, second_cluster: LocalCluster, connect: Connect
) -> None:
    first, second = connect(cluster), connect(second_cluster)
    assert first._session.cluster is not second._session.cluster
    for _ in range(3):
        both = [Background(cluster.failover, wait="all"), Background(second_cluster.failover, wait="all")]
        for failover in both:
            failover.result()
        for connection, own in ((first, cluster), (second, second_cluster)):
            with pytest.raises(FailoverSuccessError):
                execute(connection, "SELECT 1")
            assert_on_true_writer(own, connection)
            assert {host.host for host in connection._session.cluster.store.current.hosts} == {  # type: ignore[union-attr]
                instance.host for instance in own.instances
            }


def test_the_loss_of_one_cluster_is_nothing_to_the_other(
    cluster: LocalCluster, second_cluster: LocalCluster, connect: Connect
) -> None:
    first, second = connect(cluster), connect(second_cluster)
    before = second.target_connection
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(first, "SELECT 1")
    assert instance_of(second) == second_cluster.writer.name
    assert second.target_connection is before


def test_with_tls_verified_in_full_a_connection_fails_over(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, **driver.verified_tls(cluster.ca_file))
    assert driver.is_encrypted(connection)
    fail_over(cluster, connection)
    assert driver.is_encrypted(connection)
    assert_on_true_writer(cluster, connection)


def test_where_tls_is_required_everything_of_the_driver_uses_it(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    for instance in cluster.instances:
        instance.proxy.require_tls()
    with pytest.raises(driver.module.Error):
        connect(cluster, **driver.no_tls)
    connection = connect(cluster, **driver.verified_tls(cluster.ca_file))
    fail_over(cluster, connection)
    assert_on_true_writer(cluster, connection)
