"""Host names of the user's own, and addresses: the cluster behind them is found, or what to set is said."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError
from cluster.drivers import both_engines
from cluster.engines import POSTGRESQL
from cluster.relay import Relay
from cluster.support import assert_on_true_writer, at_server, driver_threads, execute, instance_of, pattern
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = both_engines


@pytest.fixture(scope="module")
def namesake_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    return local_cluster_factory(instances=2)


@pytest.fixture(scope="module")
def namesake_mysql(aurora_mysql: LocalCluster, local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    first = aurora_mysql.settings
    return local_cluster_factory(engine="mysql", mysql_bin=first.mysql_bin, name=first.name, instances=2)


@pytest.fixture
def namesake(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    """Return a cluster whose instances have the names of the other's, in another account's domain."""
    found: LocalCluster = request.getfixturevalue(f"namesake_{driver.engine.name}")
    found.restore()
    return found


def domain(cluster: LocalCluster) -> str:
    return f"{cluster.settings.engine}.example.com"


def fail_over(cluster: LocalCluster, connection: AwsWrapperConnection) -> None:
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


@pytest.mark.parametrize("target", ["cluster endpoint", "reader endpoint", "instance"])
def test_a_name_that_stands_for_an_rds_endpoint_needs_no_pattern(
    cluster: LocalCluster, connect: Connect, target: str
) -> None:
    targets = {
        "cluster endpoint": cluster.writer_endpoint,
        "reader endpoint": cluster.reader_endpoint,
        "instance": cluster.writer.host,
    }
    connection = connect(cluster, cluster.alias(domain(cluster), targets[target]))
    known: Any = connection._session.cluster
    assert {member.host for member in known.store.current.hosts} == {member.host for member in cluster.instances}
    assert connect(cluster)._session.cluster is known
    fail_over(cluster, connection)


def test_a_name_with_a_pattern_fails_over(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, cluster.alias(domain(cluster)), cluster_instance_host_pattern=pattern(cluster))
    fail_over(cluster, connection)


@pytest.mark.drivers("postgresql")  # the others have no parameter for the address
def test_a_name_that_tells_nothing_is_refused_with_advice(cluster: LocalCluster, connect: Connect) -> None:
    began = time.monotonic()
    with pytest.raises(
        AwsWrapperError, match=r"'postgresql\.example\.com' leads to a cluster.* Set cluster_instance_host_pattern"
    ):
        connect(cluster, domain(cluster), hostaddr=cluster.writer.address)
    assert time.monotonic() - began < 20
    assert not driver_threads()
    assert connections_of_users(cluster) == 0


@pytest.mark.drivers("postgresql")  # the others have no parameter for it
def test_an_address_beside_a_name_that_tells_nothing_needs_a_pattern(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(
        cluster, domain(cluster), hostaddr=cluster.readers[0].address, cluster_instance_host_pattern=pattern(cluster)
    )
    assert instance_of(connection) == cluster.readers[0].name
    fail_over(cluster, connection)


def connections_of_users(cluster: LocalCluster) -> int:
    on_postgresql = cluster.settings.engine == POSTGRESQL.name
    sessions = "pg_stat_activity WHERE usename" if on_postgresql else "information_schema.processlist WHERE user"
    count = f"SELECT count(*) FROM {sessions} = '{cluster.user}'"
    return sum(at_server(cluster, instance.name, count) for instance in cluster.instances)


@pytest.mark.parametrize("host", ["address", "cluster endpoint"])
def test_a_pattern_that_makes_names_which_do_not_exist_is_refused(
    cluster: LocalCluster, connect: Connect, host: str
) -> None:
    name = cluster.writer.address if host == "address" else cluster.writer_endpoint
    with pytest.raises(AwsWrapperError) as caught:
        connect(cluster, name, cluster_instance_host_pattern="?.c9wrong.us-east-2.rds.amazonaws.com")
    assert f"there is no host '{cluster.writer.name}.c9wrong.us-east-2.rds.amazonaws.com'" in str(caught.value)
    assert not driver_threads()
    assert connections_of_users(cluster) == 0
    fail_over(cluster, connect(cluster, name, cluster_instance_host_pattern=pattern(cluster)))


@pytest.fixture
def relays(cluster: LocalCluster) -> Iterator[int]:
    """Have a relay before each instance, all at one port of their own; their names are in a domain of the user's."""
    with ExitStack() as stack:
        with socket.create_server((cluster.writer.address, 0)) as free:
            port: int = free.getsockname()[1]
        for instance in cluster.instances:
            stack.enter_context(Relay(instance, instance.address, port))
            cluster.alias(f"{instance.name}.proxies.example.com", instance.host)
        yield port


def test_a_pattern_with_a_port_leads_through_proxies_there(
    cluster: LocalCluster, connect: Connect, relays: int
) -> None:
    connection = connect(
        cluster,
        cluster.writer.address,
        port=relays,
        cluster_instance_host_pattern=f"?.proxies.example.com:{relays}",
    )
    fail_over(cluster, connection)
    host = connection._session.host
    assert (host.host, host.port) == (f"{cluster.writer.name}.proxies.example.com", relays)


@pytest.mark.parametrize("how", ["names", "addresses"])
def test_clusters_with_one_cluster_id_by_mistake_never_mix(
    cluster: LocalCluster, namesake: LocalCluster, connect: Connect, how: str
) -> None:
    clusters = (cluster, namesake)
    if how == "names":
        connections = [
            connect(one, one.alias(f"{number}.{domain(one)}"), cluster_id="one") for number, one in enumerate(clusters)
        ]
    else:
        connections = [
            connect(one, one.writer.address, cluster_id="one", cluster_instance_host_pattern=pattern(one))
            for one in clusters
        ]
    assert {instance.name for instance in namesake.instances} < {instance.name for instance in cluster.instances}
    for one, connection in zip(clusters, connections, strict=True):
        known: Any = connection._session.cluster
        assert {host.host for host in known.store.current.hosts} == {instance.host for instance in one.instances}
        fail_over(one, connection)


def test_without_a_pattern_a_cluster_id_is_not_believed(
    cluster: LocalCluster, namesake: LocalCluster, connect: Connect
) -> None:
    connect(cluster, cluster.writer.address, cluster_id="one", cluster_instance_host_pattern=pattern(cluster))
    with pytest.raises(AwsWrapperError, match="Set cluster_instance_host_pattern"):
        connect(namesake, namesake.writer.address, cluster_id="one")


def test_a_topology_is_looked_at_as_often_as_the_user_says(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, topology_refresh_ms=50)
    known: Any = connection._session.cluster
    first = known.store.current.seen
    eventually(lambda: known.store.current.seen != first)
    assert [thread.name for thread in driver_threads()] == [f"topology {known.store.current.writer.address}"]
    connection.close()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("topology ")])
