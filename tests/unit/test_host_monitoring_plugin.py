from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.host import HostAvailability
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.errors import FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.host_monitoring_plugin import HostMonitoringPlugin
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, NetworkError
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

QUICK = {
    "failure_detection_time_ms": 20,
    "failure_detection_interval_ms": 10,
    "failure_detection_count": 3,
    "monitor_disposal_time_ms": 0,
    "monitoring-application_name": "probe",
}
ALONE = ("host_monitoring",)
WITH_FAILOVER = ("failover", "host_monitoring")


def watched() -> set[str]:
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("host ")]
    assert len(threads) == len(set(threads))
    return {name.removeprefix("host ").partition(".")[0] for name in threads}


async def outcome(call: Coroutine[Any, Any, Any]) -> Exception | None:
    try:
        await call
    except Exception as error:  # noqa: BLE001 - to be looked at
        return error
    return None


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


async def connected(
    flavour: Flavour, cluster: FakeCluster, plugins: tuple[str, ...] = ALONE, host: str | None = None, **settings: Any
) -> Session:
    host = host or cluster.writer_endpoint
    return await flavour.connected(cluster.network, host, plugins, **{**QUICK, **settings})


def in_thread(work: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=args)
    thread.start()
    return thread


def probes(cluster: FakeCluster) -> int:
    return len(cluster.network.attempts_by("probe"))


def wake_when_probed(cluster: FakeCluster) -> None:
    """Let a statement go on for some checks, then return."""
    eventually(lambda: probes(cluster))
    time.sleep(0.15)
    cluster[1].start()


@pytest.mark.parametrize("name", ["host_monitoring", "host_monitoring_v2", "efm", "efm2"])
def test_it_goes_by_several_names(name: str) -> None:
    assert plugin_classes([name], sort=True) == [HostMonitoringPlugin]


def test_a_call_to_a_frozen_host_ends_with_the_drivers_own_error(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        assert await flavour.execute(session, "SELECT") == "db-1"
        cluster[1].freeze()
        with pytest.raises(NetworkError, match="closed the connection"):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())


@pytest.mark.parametrize("in_transaction", [False, True])
def test_with_failover_the_session_goes_on_elsewhere_and_so_does_the_watch(
    flavour: Flavour, cluster: FakeCluster, in_transaction: bool
) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, WITH_FAILOVER)
        if in_transaction:
            await flavour.execute(session, "BEGIN")
        assert watched() == {"db-1"}
        cluster[1].freeze()
        cluster.fail_over(to=2, drop=False)
        error = await outcome(flavour.execute(session, "SELECT"))
        assert isinstance(error, TransactionResolutionUnknownError if in_transaction else FailoverSuccessError)
        assert isinstance(error.__cause__, NetworkError)
        assert await flavour.execute(session, "SELECT") == "db-2"
        eventually(lambda: watched() == {"db-2"})
        cluster[2].freeze()
        cluster[1].start()
        cluster.fail_over(to=3, drop=False)
        assert isinstance(await outcome(flavour.execute(session, "SELECT")), FailoverSuccessError)
        assert await flavour.execute(session, "SELECT") == "db-3"

    flavour.run(scenario())


def test_the_host_is_marked_before_the_call_ends(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, WITH_FAILOVER, enable_failover=False, topology_refresh_ms=60_000)
        assert session.cluster
        cluster[1].freeze()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")
        topology = session.cluster.store.current
        assert topology
        host = topology.find(session.host.address)
        assert host
        assert host.availability is HostAvailability.UNAVAILABLE

    flavour.run(scenario())


@pytest.mark.parametrize("refused", [False, True], ids=["let in", "refused"])
def test_a_long_call_on_a_healthy_host_is_left_alone(flavour: Flavour, cluster: FakeCluster, refused: bool) -> None:
    async def scenario() -> None:
        if refused:
            cluster.network.refused_users.add("guard")
        settings: Any = {"monitoring-user": "guard"}
        session = await connected(flavour, cluster, **settings)
        waking = in_thread(wake_when_probed, cluster)
        assert await flavour.execute(session, "SLEEP") == "db-1"
        waking.join()
        assert probes(cluster) > 5 if refused else probes(cluster) == 1
        eventually(lambda: all(probe.closed for probe in cluster.network.opened_by("probe")))

    flavour.run(scenario())


def test_a_host_that_freezes_for_a_moment_is_forgiven(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        settings: Any = {"failure_detection_interval_ms": 200, "failure_detection_count": 10}
        session = await connected(flavour, cluster, **settings)
        raw = session.raw
        cluster[1].freeze()

        def thaw() -> None:
            eventually(lambda: probes(cluster))
            cluster[1].start()

        thawing = in_thread(thaw)
        assert await flavour.execute(session, "SELECT") == "db-1"
        thawing.join()
        assert session.raw is raw

    flavour.run(scenario())


def test_the_server_that_is_watched_is_the_one_connected_to(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        cluster.network.names[cluster.writer_endpoint] = cluster[2]  # DNS changes its mind
        cluster[2].freeze()
        waking = in_thread(wake_when_probed, cluster)
        assert await flavour.execute(session, "SLEEP") == "db-1"
        waking.join()
        assert {probe.host for probe in cluster.network.opened_by("probe")} == {cluster[1]}

    flavour.run(scenario())


def test_what_shapes_the_programs_session_is_not_for_the_probe(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        settings: Any = {"options": "-c search_path=x", "monitoring-user": "guard"}
        session = await connected(flavour, cluster, **settings)
        waking = in_thread(wake_when_probed, cluster)
        await flavour.execute(session, "SLEEP")
        waking.join()
        (probe,) = cluster.network.opened_by("probe")
        assert probe.arguments["user"] == "guard"
        assert "options" not in probe.arguments

    flavour.run(scenario())


def test_many_connections_share_one_thread(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        sessions = [await connected(flavour, cluster) for _ in range(20)]
        assert watched() == {"db-1"}
        cluster[1].freeze()
        calls = [outcome(flavour.execute(session, "SELECT")) for session in sessions]
        outcomes = await flavour.together(*calls)
        assert [type(error) for error in outcomes] == [NetworkError] * 20

    flavour.run(scenario())


def test_two_hosts_have_two_threads(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        one = await connected(flavour, cluster, host=cluster[1].name)
        two = await connected(flavour, cluster, host=cluster[2].name)
        assert watched() == {"db-1", "db-2"}
        cluster[2].freeze()
        assert await flavour.execute(one, "SELECT") == "db-1"
        with pytest.raises(NetworkError):
            await flavour.execute(two, "SELECT")

    flavour.run(scenario())


def test_switched_off_there_is_no_thread(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, failure_detection_enabled=False)
        assert await flavour.execute(session, "SELECT") == "db-1"
        assert watched() == set()

    flavour.run(scenario())


def test_closing_the_last_connection_ends_the_thread(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        first, second = await connected(flavour, cluster), await connected(flavour, cluster)
        first.release()
        assert watched() == {"db-1"}
        second.release()
        eventually(lambda: watched() == set())

    flavour.run(scenario())


def test_dropping_the_last_connection_ends_the_thread(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, WITH_FAILOVER)
        collected = weakref.ref(session)
        gc.collect()
        gc.disable()
        try:
            del session
            assert collected() is None
        finally:
            gc.enable()
        eventually(lambda: watched() == set())

    flavour.run(scenario())


def test_what_is_watched_keeps_no_connection(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        (plugin,) = session.plugins
        assert isinstance(plugin, HostMonitoringPlugin)
        watched_connection, raw = plugin._watched, weakref.ref(session.raw)
        cluster.network.opened.clear()
        cluster[1].connections.clear()
        gc.collect()
        gc.disable()
        try:
            del session, plugin
            assert raw() is None
        finally:
            gc.enable()
        assert watched_connection
        assert not watched_connection.has_heard(1e9)
        watched_connection.keep_alive()
        watched_connection.give_up(1.0)

    flavour.run(scenario())


def test_after_release_resources_the_next_call_is_watched_again(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        release_resources()
        eventually(lambda: watched() == set())
        assert await flavour.execute(session, "SELECT") == "db-1"
        assert watched() == {"db-1"}
        cluster[1].freeze()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())


def test_in_another_era_the_next_call_is_watched_again(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        CLUSTERS.era += 1  # as in a forked child
        assert await flavour.execute(session, "SELECT") == "db-1"
        assert watched() == {"db-1"}

    flavour.run(scenario())


def test_a_connection_that_is_lost_already_is_not_watched(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        session.raw.closed = True
        CLUSTERS.era += 1
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")
        eventually(lambda: watched() == set())

    flavour.run(scenario())


def test_a_call_that_has_returned_is_not_given_up(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster)
        (plugin,) = session.plugins
        assert isinstance(plugin, HostMonitoringPlugin)
        assert plugin._watched
        session.running.append(2.0)  # another call, which began later
        plugin._watched.give_up(1.0)
        assert await flavour.execute(session, "SELECT") == "db-1"
        plugin._watched.give_up(2.0)
        session.running.clear()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())


def test_a_call_on_the_connection_before_does_not_end_the_one_after(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, WITH_FAILOVER)
        plugin = session.plugins[-1]
        assert isinstance(plugin, HostMonitoringPlugin)
        before = plugin._watched
        assert before
        cluster.fail_over(to=2)
        assert isinstance(await outcome(flavour.execute(session, "SELECT")), FailoverSuccessError)
        session.running.append(1.0)
        before.give_up(1.0)
        session.running.clear()
        assert await flavour.execute(session, "SELECT") == "db-2"

    flavour.run(scenario())
