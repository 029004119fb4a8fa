"""The writer endpoint leads to the writer, be it with `failover` or with `stale_dns` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.errors import AwsConnectError, FailoverFailedError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, NetworkError, OperationalError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

Plugins = tuple[str, ...]


@pytest.fixture(params=[("failover",), ("stale_dns",), ("stale_dns", "failover")], ids=repr)
def plugins(request: pytest.FixtureRequest) -> Plugins:
    chosen: Plugins = request.param
    return chosen


async def keep(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, plugins: Plugins, **settings: Any
) -> Session:
    """Hold a connection, so that the cluster is known and watched."""
    kept = await flavour.connected(network, cluster.writer_endpoint, plugins, **settings)
    assert kept.cluster is not None
    assert kept.cluster.monitor.is_watching
    return kept


def test_a_stale_name_of_the_writer_leads_to_the_writer(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins
) -> None:
    cluster = FakeCluster(network)
    cluster.fail_over(3)

    async def scenario() -> None:
        for _ in range(3):
            session = await flavour.connected(network, cluster.writer_endpoint, plugins)
            assert await flavour.execute(session, "INSERT") == "db-3"
        assert sum(not connection.closed for connection in network.opened_by("program")) == 3

    flavour.run(scenario())


def test_a_stale_name_and_no_writer_is_an_error_in_time(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins
) -> None:
    cluster = FakeCluster(network)
    cluster[1].is_writer = False

    async def scenario() -> None:
        with pytest.raises(FailoverFailedError if "failover" in plugins else AwsConnectError) as caught:
            await flavour.connected(
                network, cluster.writer_endpoint, plugins, failover_timeout_sec=0.15, connect_timeout=1
            )
        assert OperationalError in caught.type.__mro__
        assert "said in time that it is the writer" in str(caught.value)
        assert all(connection.closed for connection in network.opened_by("program"))

    flavour.run(scenario())


def test_a_writer_that_is_known_is_connected_to_whatever_dns_says(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        kept = await keep(flavour, network, cluster, plugins)
        for wrong in (cluster[2], None):
            network.names.pop(cluster.writer_endpoint)
            if wrong:
                network.names[cluster.writer_endpoint] = wrong
            network.attempts.clear()
            session = await flavour.connected(network, cluster.writer_endpoint, plugins)
            assert session.host.host_id == "db-1"
            assert network.attempts_by("program") == [cluster[1].name]
            network.names[cluster.writer_endpoint] = cluster[2]
        kept.release()

    flavour.run(scenario())


def test_where_the_known_writer_is_out_of_reach_the_name_is_used(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        kept = await keep(flavour, network, cluster, plugins, topology_refresh_ms=60_000)
        network.names.pop(cluster[1].name)  # this client cannot resolve the names of instances
        session = await flavour.connected(network, cluster.writer_endpoint, plugins)
        assert session.host.host_id == "db-1"
        kept.release()

    flavour.run(scenario())


def test_a_writer_that_has_just_been_demoted_is_left_again(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        kept = await keep(flavour, network, cluster, plugins, topology_refresh_ms=60_000)
        cluster.fail_over(2, drop=False)
        session = await flavour.connected(network, cluster.writer_endpoint, plugins)
        assert await flavour.execute(session, "INSERT") == "db-2"
        kept.release()

    flavour.run(scenario())


def test_an_address_that_the_user_pins_is_obeyed(flavour: Flavour, network: FakeNetwork, plugins: Plugins) -> None:
    cluster = FakeCluster(network)
    network.names["10.0.0.2"] = cluster[2]

    async def scenario() -> None:
        kept = await keep(flavour, network, cluster, plugins)
        session = await flavour.connected(network, cluster.writer_endpoint, plugins, hostaddr="10.0.0.2")
        assert (session.host.host_id, session.host.role) == ("db-2", HostRole.READER)
        kept.release()

    flavour.run(scenario())


@pytest.mark.parametrize("kind", ["reader_endpoint", "custom_endpoint"])
def test_other_endpoints_lead_where_dns_says(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins, kind: str
) -> None:
    cluster = FakeCluster(network)
    endpoint = getattr(cluster, kind)

    async def scenario() -> None:
        kept = await keep(flavour, network, cluster, plugins)
        for number in (2, 1, 3):
            network.names[endpoint] = cluster[number]
            session = await flavour.connected(network, endpoint, plugins)
            assert session.host.host_id == f"db-{number}"
        kept.release()

    flavour.run(scenario())


@pytest.mark.parametrize("steps", ["drop", "kill"])
def test_stale_dns_alone_leaves_a_lost_connection_to_the_program(
    flavour: Flavour, network: FakeNetwork, steps: str
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["stale_dns"])
        raw = session.raw
        getattr(cluster[1], steps)()
        with pytest.raises(NetworkError) as caught:
            await flavour.execute(session, "SELECT")
        assert type(caught.value) is NetworkError
        assert session.raw is raw

    flavour.run(scenario())


def test_with_stale_dns_alone_a_host_that_cannot_be_reached_is_the_drivers_own_error(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)
    cluster[1].kill()

    async def scenario() -> None:
        with pytest.raises(NetworkError, match="refused") as caught:
            await flavour.connected(network, cluster.writer_endpoint, ["stale_dns"], enable_connect_failover=True)
        assert type(caught.value) is NetworkError
        assert network.attempts_by("program") == [cluster.writer_endpoint]

    flavour.run(scenario())


def test_a_stale_name_that_leads_to_nobody_is_passed_by_with_what_is_remembered_of_the_cluster(
    flavour: Flavour, network: FakeNetwork, plugins: Plugins
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        kept = await keep(flavour, network, cluster, plugins)
        assert kept.cluster is not None
        threads = kept.cluster.monitor.threads
        kept.release()
        for thread in threads:  # nobody watches the cluster any more
            thread.join(10)
            assert not thread.is_alive()
        cluster.fail_over(2)
        network.names.pop(cluster.writer_endpoint)
        session = await flavour.connected(network, cluster.writer_endpoint, plugins)
        assert await flavour.execute(session, "INSERT") == "db-2"

    flavour.run(scenario())
