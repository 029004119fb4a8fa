from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.aurora_connection_tracker_plugin import AuroraConnectionTrackerPlugin
from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeConnection, FakeNetwork, NetworkError
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

ALONE = ("aurora_connection_tracker",)
BOTH = ("aurora_connection_tracker", "failover")
PATIENT: dict[str, Any] = {"auxiliary_query_timeout_sec": 0.05}


def has_ended(raw: FakeConnection) -> bool:
    return raw._lost


async def pool(
    flavour: Flavour, network: FakeNetwork, host: str, plugins: tuple[str, ...] = BOTH, size: int = 5
) -> list[Session]:
    """Open connections, and wait until the monitor has its own: to open one to a frozen host takes long to fail."""
    sessions = [await flavour.connected(network, host, plugins, **PATIENT) for _ in range(size)]
    if sessions[0].cluster is not None:
        eventually(lambda: network.opened_by("monitor"))
    return sessions


@pytest.mark.parametrize("steps", [("freeze",), ("kill",), ()], ids=repr)
def test_idle_connections_to_the_old_writer_end_by_themselves(
    flavour: Flavour, network: FakeNetwork, steps: tuple[str, ...]
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        sessions = await pool(flavour, network, cluster.writer_endpoint)
        raws = [session.raw for session in sessions]
        for step in steps:
            getattr(cluster[1], step)()
        cluster.fail_over(2, drop=False)
        eventually(lambda: all(map(has_ended, raws)))
        for session in sessions:
            with pytest.raises(FailoverSuccessError):
                await flavour.execute(session, "SELECT")
            assert await flavour.execute(session, "INSERT") == "db-2"

    flavour.run(scenario())


def test_a_call_that_waits_for_the_frozen_writer_fails_over(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        sessions = await pool(flavour, network, cluster.writer_endpoint, size=3)
        cluster[1].freeze()
        cluster.fail_over(3, drop=False)
        outcomes = await flavour.together(*(flavour.execute(session, "SELECT") for session in sessions))
        assert [type(outcome).__mro__[1] for outcome in outcomes] == [FailoverSuccessError] * 3
        assert {session.host.host_id for session in sessions} == {"db-3"}

    flavour.run(scenario())


def test_without_failover_the_program_sees_the_drivers_own_error(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        (session,) = await pool(flavour, network, cluster.writer_endpoint, ALONE, size=1)
        raw = session.raw
        cluster.fail_over(2, drop=False)
        eventually(lambda: has_ended(raw))
        with pytest.raises(NetworkError) as caught:
            await flavour.execute(session, "SELECT")
        assert type(caught.value) is NetworkError
        assert session.raw is raw

    flavour.run(scenario())


def test_connections_that_were_opened_to_a_reader_stay(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        readers = [await flavour.connected(network, cluster[number].name, BOTH, **PATIENT) for number in (2, 3)]
        (writer,) = await pool(flavour, network, cluster.writer_endpoint, size=1)
        for number in (2, 3):  # a reader that has become the writer, and is one no longer
            raw = writer.raw
            cluster.fail_over(number, drop=False)
            eventually(partial(has_ended, raw))
            with pytest.raises(FailoverSuccessError):
                await flavour.execute(writer, "SELECT")
        assert not any(has_ended(session.raw) for session in readers)
        assert [await flavour.execute(session, "SELECT") for session in readers] == ["db-2", "db-3"]

    flavour.run(scenario())


def test_two_clusters_have_nothing_to_do_with_each_other(flavour: Flavour, network: FakeNetwork) -> None:
    one, other = FakeCluster(network, "one"), FakeCluster(network, "other")

    async def scenario() -> None:
        (bystander,) = await pool(flavour, network, other.writer_endpoint, size=1)
        (session,) = await pool(flavour, network, one.writer_endpoint, size=1)
        raw = session.raw
        one.fail_over(2, drop=False)
        eventually(lambda: has_ended(raw))
        assert not has_ended(bystander.raw)

    flavour.run(scenario())


def test_a_database_without_a_cluster_is_left_alone(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, aurora=False)

    async def scenario() -> None:
        (session,) = await pool(flavour, network, cluster[1].name, size=1)
        assert session.cluster is None
        assert await flavour.execute(session, "SELECT") == "db-1"
        session.release()

    flavour.run(scenario())


def test_after_release_resources_connections_are_tracked_from_their_next_call_on(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        sessions = await pool(flavour, network, cluster.writer_endpoint)
        CLUSTERS.clear()
        for session in sessions:
            await flavour.execute(session, "SELECT")
        raws = [session.raw for session in sessions]
        cluster.fail_over(2, drop=False)
        eventually(lambda: all(map(has_ended, raws)))

    flavour.run(scenario())


def test_a_forked_child_tracks_its_connections_from_their_next_call_on(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        used, late = await pool(flavour, network, cluster.writer_endpoint, size=2)
        first, second = used.raw, late.raw
        assert used.cluster is not None
        threads = used.cluster.monitor.threads
        used.cluster.monitor.stop()
        for thread in threads:  # they do not live in the child
            thread.join(5)
        CLUSTERS.after_fork()
        await flavour.execute(used, "SELECT")
        cluster.fail_over(2, drop=False)
        eventually(lambda: has_ended(first))
        assert not has_ended(second)
        with pytest.raises(FailoverSuccessError):  # not the old writer's answer
            await flavour.execute(late, "SELECT")

    flavour.run(scenario())


def test_a_tracked_session_is_collected_at_once_and_a_closed_one_is_tracked_no_longer(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        sessions = await pool(flavour, network, cluster.writer_endpoint, size=2)
        assert sessions[0].cluster is not None
        tracker = sessions[0].cluster.tracker
        assert len(tracker._tracked) == 2
        sessions[0].release()
        assert len(tracker._tracked) == 1
        dropped = weakref.ref(sessions[1])
        gc.disable()
        try:
            sessions.clear()
            assert dropped() is None
            assert len(tracker._tracked) == 0
        finally:
            gc.enable()

    flavour.run(scenario())


class Switching:
    """A session in the middle of a switch: the host is the next one already from some read on."""

    def __init__(self, *hosts: HostInfo) -> None:
        self.hosts = list(hosts)
        self.aborted: list[str] = []
        self.adapter = self
        self.raw = "raw"

    @property
    def host(self) -> HostInfo:
        return self.hosts.pop(0) if len(self.hosts) > 1 else self.hosts[0]

    def abort(self, raw: str) -> None:
        self.aborted.append(raw)


OLD = HostInfo("old", 5432, HostRole.WRITER)
NEW = HostInfo("new", 5432, HostRole.WRITER)


@pytest.mark.parametrize(("hosts", "ends"), [((OLD,), True), ((OLD, NEW), False), ((NEW,), False)])
def test_a_connection_is_ended_only_if_it_is_the_one_to_the_old_writer(hosts: tuple[HostInfo, ...], ends: bool) -> None:
    session: Any = Switching(*hosts)
    assert AuroraConnectionTrackerPlugin(session).end_unless_at(NEW.address) is ends
    assert session.aborted == (["raw"] if ends else [])
