"""Which host serves reads, on real servers: lag, zones, turns, response times, hosts that come back."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg_pool
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError, release_resources
from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.host import HostAvailability
from aws_advanced_python_wrapper.core import search
from cluster.drivers import both_engines
from cluster.support import execute, instance_of, value
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

pytestmark = both_engines

READS: dict[str, Any] = {"plugins": "read_write_splitting,failover", "topology_refresh_ms": 100}


@pytest.fixture(params=["read_only", "failover"])
def reader_of(
    request: pytest.FixtureRequest, cluster: LocalCluster, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return a function that has a reader chosen, in one of two ways, and returns its name."""
    monkeypatch.setattr(search, "_GATHERING", 10.0)  # on a busy machine readers take longer to answer

    def by_read_only(strategy: Any = "random", **settings: Any) -> str:
        connection = connect(cluster, **{**READS, **settings}, reader_host_selector_strategy=strategy)
        connection.read_only = True
        return instance_of(connection)

    def by_failover(strategy: Any = "random", **settings: Any) -> str:
        connection = connect(
            cluster, **{**READS, **settings},
            failover_mode="reader_or_writer", failover_reader_host_selector_strategy=strategy,
        )  # fmt: skip
        cluster.writer.proxy.reset()
        with pytest.raises(FailoverSuccessError):
            execute(connection, "SELECT 1")
        return instance_of(connection)

    return by_read_only if request.param == "read_only" else by_failover


def known(cluster: LocalCluster) -> Cluster:
    """Return what this process knows of the cluster."""
    found = CLUSTERS.find("", f"{cluster.writer.host}:{cluster.port}")
    assert found
    return found


def host_named(cluster: LocalCluster, name: str) -> HostInfo:
    topology = known(cluster).store.current
    assert topology
    return next(host for host in topology.hosts if host.host_id == name)


def test_readers_take_turns(cluster: LocalCluster, reader_of: Callable[..., str]) -> None:
    names = [reader_of("round_robin") for _ in range(6)]
    assert Counter(names) == {reader.name: 3 for reader in cluster.readers}


@pytest.mark.drivers("postgresql")  # psycopg's pool
@pytest.mark.parametrize("strategy", ["round_robin", "least_connections"])
def test_a_pool_that_fills_itself_has_its_readers_evenly(cluster: LocalCluster, strategy: str) -> None:
    connection_class: Any = AwsWrapperConnection

    def work_on_a_reader(connection: Any) -> None:
        connection.read_only = True

    settings = {**READS, "autocommit": True, "reader_host_selector_strategy": strategy}
    with psycopg_pool.ConnectionPool(
        cluster.conninfo(),
        connection_class=connection_class,
        kwargs=settings,
        configure=work_on_a_reader,
        min_size=6,
    ) as pool:
        pool.wait()
        lent = [pool.getconn() for _ in range(6)]
        assert Counter(instance_of(connection) for connection in lent) == {reader.name: 3 for reader in cluster.readers}
        for connection in lent:
            pool.putconn(connection)


def test_a_reader_that_is_late_is_passed_over(cluster: LocalCluster, reader_of: Callable[..., str]) -> None:
    late, other = cluster.readers
    cluster.set_lag(late, 5000)
    assert {reader_of("round_robin", reader_max_lag_ms=1000) for _ in range(3)} == {other.name}
    cluster.set_lag(other, 5000)
    eventually(lambda: reader_of(reader_max_lag_ms=1000) == cluster.writer.name)
    cluster.set_lag(late, None)
    eventually(lambda: reader_of(reader_max_lag_ms=1000) == late.name)


def test_a_reader_of_the_same_zone_is_preferred(cluster: LocalCluster, reader_of: Callable[..., str]) -> None:
    far, near = cluster.readers
    zones = {"availability_zone": "az-1", "host_availability_zones": {far.name: "az-2", near.host: "AZ-1"}}
    assert {reader_of(**zones) for _ in range(4)} == {near.name}
    cluster.kill(near)
    eventually(lambda: reader_of(**zones) == far.name)


def test_a_function_of_the_programs_chooses(cluster: LocalCluster, reader_of: Callable[..., str]) -> None:
    last = cluster.readers[-1].name
    chosen: list[str | None] = []

    def choose(hosts: Sequence[HostInfo]) -> HostInfo:
        """Choose the last one; on a busy machine it may not have answered yet when a failover asks."""
        choice = next((host for host in hosts if host.host_id == last), hosts[0])
        chosen.append(choice.host_id)
        return choice

    for _ in range(3):
        assert reader_of(choose) == chosen[-1]
    assert last in chosen


def test_a_reader_that_comes_back_is_chosen_again(cluster: LocalCluster, connect: Connect) -> None:
    name = cluster.readers[0].name
    watching = connect(cluster, **READS)
    assert instance_of(watching) == cluster.writer.name
    cluster.kill(name)
    known(cluster).store.mark_unavailable(host_named(cluster, name).address)
    cluster.start_instance(name)
    eventually(lambda: host_named(cluster, name).availability is HostAvailability.AVAILABLE)
    threads = known(cluster).monitor.threads
    eventually(lambda: [thread for thread in threads if thread.is_alive()] == list(known(cluster).monitor.threads))
    eventually(lambda: len(known(cluster).monitor.threads) == 1)


FASTEST: dict[str, Any] = {
    **READS,
    "plugins": "read_write_splitting,failover,fastest_response_strategy",
    "reader_host_selector_strategy": "fastest_response",
    "response_measurement_interval_ms": 200,
}


def response_time(cluster: LocalCluster, name: str) -> float | None:
    return known(cluster).response_times.of(host_named(cluster, name).address)


def test_a_reader_that_becomes_slow_loses_its_place(cluster: LocalCluster, connect: Connect) -> None:
    watching = connect(cluster, **FASTEST)
    for slow, fast in (cluster.readers, cluster.readers[::-1]):
        slow.proxy.delay(to_client=0.05)
        fast.proxy.delay()
        eventually(lambda: (response_time(cluster, slow.name) or 0) >= 0.05)  # noqa: B023 - evaluated here and now
        eventually(lambda: 0 < (response_time(cluster, fast.name) or 0) < 0.05)  # noqa: B023
        for _ in range(3):
            connection = connect(cluster, **FASTEST)
            connection.read_only = True
            assert instance_of(connection) == fast.name
    assert instance_of(watching) == cluster.writer.name


def test_a_frozen_reader_has_no_response_time(cluster: LocalCluster, connect: Connect) -> None:
    watching = connect(cluster, **FASTEST)
    frozen, other = cluster.readers
    eventually(lambda: response_time(cluster, frozen.name))
    cluster.pause(frozen)
    eventually(lambda: response_time(cluster, frozen.name) is None)
    connection = connect(cluster, **FASTEST)
    connection.read_only = True
    assert instance_of(connection) == other.name
    cluster.resume(frozen)
    eventually(lambda: response_time(cluster, frozen.name))
    assert instance_of(watching) == cluster.writer.name


@pytest.mark.drivers("postgresql")  # by the name of the application, which MySQL's drivers do not all tell
def test_the_measurements_take_one_connection_for_each_host_and_end(cluster: LocalCluster, connect: Connect) -> None:
    def stopwatches() -> int:
        with cluster.connect_directly(cluster.readers[0]) as direct:
            count = value(direct, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stopwatch'")
        return int(count)

    connections = [connect(cluster, **FASTEST, **{"frt-application_name": "stopwatch"}) for _ in range(3)]
    eventually(lambda: all(response_time(cluster, reader.name) for reader in cluster.readers))
    assert stopwatches() == 1
    for connection in connections:
        connection.close()
    eventually(lambda: stopwatches() == 0)
    # A server hears of the end before its thread has ended.
    eventually(lambda: not any(thread.name.startswith("response time ") for thread in threading.enumerate()))
    release_resources()
