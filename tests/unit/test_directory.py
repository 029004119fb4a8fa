from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS, Cluster
from aws_advanced_python_wrapper.testing import DOMAIN, FakeCluster, FakeNetwork
from support.flavours import BlockingFlavour
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session

OTHER_DOMAIN = "d9x8y7z6wxyz.eu-central-1.rds.amazonaws.com"


def connected(network: FakeNetwork, host: str, **settings: Any) -> Session:
    flavour = BlockingFlavour()
    return flavour.run(flavour.connected(network, host, **settings))


def endpoints(cluster: FakeCluster) -> list[str]:
    names = [cluster.writer_endpoint, cluster.reader_endpoint, cluster.custom_endpoint]
    return [*names, *(host.name for host in cluster.hosts)]


@pytest.mark.parametrize("first", range(6))
def test_one_cluster_is_found_through_each_of_its_endpoints(network: FakeNetwork, first: int) -> None:
    names = endpoints(FakeCluster(network))
    sessions = [connected(network, name) for name in [*names[first:], *names[:first]]]
    assert len({id(session.cluster) for session in sessions}) == 1


def test_one_cluster_is_found_by_many_that_meet_it_at_once(network: FakeNetwork) -> None:
    for turn in range(10):
        CLUSTERS.clear()
        names = endpoints(FakeCluster(network, f"db{turn}")) * 2
        barrier = threading.Barrier(len(names))
        sessions: list[Session] = []

        def connect(name: str) -> None:
            barrier.wait(10)  # noqa: B023 - the threads end within the loop
            sessions.append(connected(network, name))  # noqa: B023

        threads = [threading.Thread(target=connect, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(session.cluster) for session in sessions}) == 1


def test_a_cluster_enters_the_directory_with_its_members(network: FakeNetwork) -> None:
    """Or else two connections that meet it at once by different names would not find each other's."""
    cluster = FakeCluster(network)
    settle = CLUSTERS.settle
    seen = []

    def watching(name: str, addresses: Any, new: Any) -> Any:
        seen.append(new.knows("db-1"))
        return settle(name, addresses, new)

    CLUSTERS.settle = watching  # type: ignore[method-assign]
    try:
        connected(network, cluster.writer_endpoint)
    finally:
        del CLUSTERS.settle
    assert seen == [True]


@pytest.mark.parametrize("settings", [{}, {"cluster_id": "1"}], ids=["", "with the same cluster_id"])
@pytest.mark.parametrize(
    ("name", "domain"), [("other", DOMAIN), ("db", OTHER_DOMAIN)], ids=["same account", "same names elsewhere"]
)
def test_two_clusters_never_mix(network: FakeNetwork, settings: dict[str, Any], name: str, domain: str) -> None:
    one, two = FakeCluster(network), FakeCluster(network, name, domain=domain)
    clusters: dict[int, set[int]] = {1: set(), 2: set()}
    kept = []
    for of_one, of_two in zip(endpoints(one), endpoints(two), strict=True):
        for number, endpoint, mine in ((1, of_one, one), (2, of_two, two)):
            session = connected(network, endpoint, **settings)
            kept.append(session)
            assert session.raw.host.cluster is mine
            assert session.cluster is not None
            assert session.cluster.store.current is not None
            hosts = {host.host for host in session.cluster.store.current.hosts}
            assert hosts == {host.name for host in mine.hosts}
            assert session.host.host == session.raw.host.name
            clusters[number].add(id(session.cluster))
    assert not clusters[1] & clusters[2]
    if not settings:
        assert [len(found) for found in clusters.values()] == [1, 1]


def test_a_cluster_id_brings_names_together_that_tell_nothing(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    network.names.update({"a.example.com": cluster[1], "b.example.com": cluster[2]})
    settings = {"cluster_instance_host_pattern": f"?.{DOMAIN}", "cluster_id": "mine"}
    sessions = [connected(network, name, **settings) for name in ("a.example.com", "b.example.com")]
    assert sessions[0].cluster is sessions[1].cluster


def test_a_name_that_is_pointed_at_another_cluster_leads_there(network: FakeNetwork) -> None:
    old, new = FakeCluster(network, "old"), FakeCluster(network, "new")
    pattern = {"cluster_instance_host_pattern": f"?.{DOMAIN}"}
    network.names["db.example.com"] = old[1]
    first = connected(network, "db.example.com", **pattern)
    network.names["db.example.com"] = new[1]
    second = connected(network, "db.example.com", **pattern)
    assert second.host.host_id == "new-1"
    assert second.cluster is not first.cluster
    assert second.cluster is not None
    assert not second.cluster.knows("old-1")
    assert connected(network, new.reader_endpoint).cluster is second.cluster
    assert connected(network, "db.example.com", **pattern).cluster is second.cluster


def test_each_user_of_a_cluster_may_lend_the_monitor_a_way_in(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    sessions = [connected(network, cluster.writer_endpoint, user=user) for user in ("one", "two")]
    network.refused_users.add("one")
    cluster.fail_over(2)
    found = sessions[0].cluster
    assert found is not None
    with found.monitor.search(time.monotonic()):
        eventually(lambda: found.store.current.writer.host_id == "db-2")  # type: ignore[union-attr]


def test_dropped_connections_are_collected_and_the_monitor_ends(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    sessions = [connected(network, cluster.writer_endpoint) for _ in range(5)]
    found = sessions[0].cluster
    assert found is not None
    sessions.pop().release()
    del sessions[1:]
    gc.collect()
    assert len(found.monitor.threads) == 1
    sessions.clear()
    eventually(lambda: not found.monitor.threads)
    again = connected(network, cluster.writer_endpoint)
    assert again.cluster is found
    assert len(found.monitor.threads) == 1


def test_clear_stops_everything_and_connections_stay_usable(network: FakeNetwork) -> None:
    flavour = BlockingFlavour()
    cluster = FakeCluster(network)
    session = connected(network, cluster.writer_endpoint)
    found = session.cluster
    assert found is not None
    CLUSTERS.clear()
    eventually(lambda: not found.monitor.threads)
    cluster.fail_over(2)
    with pytest.raises(Exception, match="now leads to db-2"):
        session.call(session.raw.execute, "SELECT")
    assert flavour.run(flavour.execute(session, "SELECT")) == "db-2"
    assert connected(network, cluster.writer_endpoint).cluster is not found
    CLUSTERS.clear()
    found.monitor.stop()


def test_clear_stops_a_cluster_again_that_it_has_forgotten_before(network: FakeNetwork) -> None:
    session = connected(network, FakeCluster(network).writer_endpoint)
    found = session.cluster
    assert found is not None
    for _ in range(2):
        CLUSTERS.clear()
        eventually(lambda: not found.monitor.threads)
        session.call(session.raw.execute, "SELECT")
        assert found.monitor.threads


def test_a_cluster_that_was_forgotten_starts_clean_in_a_forked_child_too(network: FakeNetwork) -> None:
    session = connected(network, FakeCluster(network).writer_endpoint)
    assert session.cluster is not None
    threads = session.cluster.monitor.threads
    CLUSTERS.clear()
    for thread in threads:
        thread.join(5)
    held, release = threading.Event(), threading.Event()

    def hold_the_lock(cluster: Cluster) -> None:
        with cluster._lock:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold_the_lock, args=(session.cluster,))
    thread.start()
    held.wait(10)
    CLUSTERS.after_fork()
    assert session.cluster._lock.acquire(blocking=False)
    session.cluster._lock.release()
    release.set()
    thread.join()


def test_in_a_forked_child_the_parents_connections_keep_no_monitor_alive(network: FakeNetwork) -> None:
    endpoint = FakeCluster(network).writer_endpoint
    parents = connected(network, endpoint)
    assert parents.cluster is not None
    monitor = parents.cluster.monitor
    monitor.stop()
    eventually(lambda: not monitor.threads)
    CLUSTERS.after_fork()
    own = connected(network, endpoint)
    assert monitor.threads
    own.release()
    eventually(lambda: not monitor.threads)
    parents.call(parents.raw.execute, "SELECT")
    assert monitor.threads


def test_the_monitor_goes_on_while_a_finalizer_interrupts_whoever_joins(network: FakeNetwork) -> None:
    """The finalizer may close a connection, and wait for the monitor's lock meanwhile."""
    session = connected(network, FakeCluster(network).writer_endpoint)
    assert session.cluster is not None
    asking = threading.Thread(target=session.cluster.monitor.start)
    with session.cluster._lock:
        asking.start()
        asking.join(2)
        waits = asking.is_alive()
    asking.join(5)
    assert not waits


def test_callers_that_cannot_hold_one_another_up_have_places_of_their_own(network: FakeNetwork) -> None:
    session = connected(network, FakeCluster(network).writer_endpoint)
    assert session.cluster
    door = session.cluster.door
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    assert door("db-1:5432", first) is door("db-1:5432", first)
    assert len({id(door(address, lane)) for address in ("db-1:5432", "db-2:5432") for lane in (first, second)}) == 4
    second.close()
    seen = weakref.ref(second)
    del second
    gc.collect()
    assert seen() is None
    first.close()
    session.release()
