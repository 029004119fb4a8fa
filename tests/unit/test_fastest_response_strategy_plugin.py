from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.testing.host import FakeHost
    from support.flavours import Flavour

PLUGINS = ("failover", "fastest_response_strategy")
FASTEST: dict[str, Any] = {
    "failover_mode": "reader_or_writer",
    "failover_reader_host_selector_strategy": "Fastest-Response",
    "response_measurement_interval_ms": 20,
    "frt-application_name": "stopwatch",
}


def measuring() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("response time ")]


def slow(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host answer the measurements late."""
    answer = host.answer

    def late(sql: str) -> Any:
        if sql == "SELECT 1":
            time.sleep(0.01)
        return answer(sql)

    monkeypatch.setattr(host, "answer", late)


def response_time(session: Session, host: FakeHost) -> float | None:
    assert session.cluster
    return session.cluster.response_times.of(f"{host.name}:5432")


async def all_measured(session: Session, cluster: FakeCluster) -> None:
    eventually(lambda: all(response_time(session, host) for host in cluster.hosts))


@pytest.mark.parametrize("slow_one", [2, 3])
def test_a_failover_goes_to_the_host_that_answers_fastest(
    flavour: Flavour, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch, slow_one: int
) -> None:
    cluster = FakeCluster(network)
    slow(cluster[slow_one], monkeypatch)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, PLUGINS, **FASTEST)
        await all_measured(session, cluster)
        cluster[1].drop()
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        assert session.host.host_id == f"db-{5 - slow_one}"

    flavour.run(scenario())


def test_the_measurements_have_connections_and_parameters_of_their_own(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, PLUGINS, **FASTEST, options="-c x=y")
        await all_measured(session, cluster)
        opened = network.opened_by("stopwatch")
        assert {connection.host.host_id for connection in opened} == {"db-1", "db-2", "db-3"}
        assert {connection.arguments["connect_timeout"] for connection in opened} == {10}
        for connection in opened:
            assert "options" not in connection.arguments
        for connection in network.opened:
            assert not any(name.startswith("frt-") for name in connection.arguments)
            assert "response_measurement_interval_ms" not in connection.arguments
        assert [connection.host.host_id for connection in network.opened_by("program")] == ["db-1"]
        await session.end()

    flavour.run(scenario())


def test_the_measurements_end_with_the_last_connection(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        given = {**FASTEST, "response_measurement_interval_ms": 60_000}
        sessions = [await flavour.connected(network, cluster.writer_endpoint, PLUGINS, **given) for _ in range(3)]
        await all_measured(sessions[0], cluster)
        assert len(measuring()) == 3
        for session in sessions[:2]:
            await session.end()
        assert len(measuring()) == 3
        await sessions[2].end()
        eventually(lambda: measuring() == [])
        assert all(connection.closed for connection in network.opened_by("stopwatch"))

    flavour.run(scenario())


def test_a_dropped_session_ends_the_measurements(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, PLUGINS, **FASTEST)
        await all_measured(session, cluster)

    flavour.run(scenario())
    eventually(lambda: measuring() == [])


def test_released_measurements_begin_anew_at_the_next_call(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, PLUGINS, **FASTEST)
        await all_measured(session, cluster)
        release_resources()
        eventually(lambda: measuring() == [])
        assert response_time(session, cluster[1]) is None
        await flavour.execute(session, "SELECT")
        await all_measured(session, cluster)
        await session.end()

    flavour.run(scenario())


def test_a_host_that_hangs_while_it_is_measured_holds_nobody_up(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, PLUGINS, **FASTEST)
        await all_measured(session, cluster)
        cluster[3].freeze()
        eventually(lambda: response_time(session, cluster[3]) is None)
        cluster[1].drop()
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        assert session.host.host_id == "db-2"
        cluster[3].start()
        eventually(lambda: response_time(session, cluster[3]))

    flavour.run(scenario())


def test_where_there_is_no_cluster_nothing_is_measured(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, aurora=False)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, PLUGINS, **FASTEST)
        assert session.cluster is None
        assert await flavour.execute(session, "SELECT") == "db-1"
        assert measuring() == []
        await session.end()

    flavour.run(scenario())
