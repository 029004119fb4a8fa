"""How long the driver's own connections wait for a host that has frozen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.silence import Patience
from aws_advanced_python_wrapper.errors import QueryTimeoutError
from aws_advanced_python_wrapper.host_monitoring_plugin import WatchedConnection
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork

if TYPE_CHECKING:
    from support.flavours import Flavour

LONG = 20.0


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


@pytest.mark.parametrize(
    "limits",
    [
        {"topology-monitoring-socket_timeout": "0.05", "auxiliary_query_timeout_sec": LONG},
        {"topology-monitoring-auxiliary_query_timeout_sec": "0.05", "socket_timeout": LONG},
        {"auxiliary_query_timeout_sec": 0.05, "topology-monitoring-socket_timeout": LONG},
    ],
    ids=str,
)
def test_a_topology_query_takes_the_shorter_of_its_limits(
    flavour: Flavour, cluster: FakeCluster, limits: dict[str, Any]
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(cluster.network, cluster.writer_endpoint, ["failover"], **limits)
        observer = session.credentials.observe(session.host)
        cluster[1].freeze()
        began = time.monotonic()
        with pytest.raises(QueryTimeoutError):
            observer.observe()
        assert 0.04 < time.monotonic() - began < LONG / 2
        observer.close()

    flavour.run(scenario())


@pytest.mark.parametrize(
    ("interval", "limits"),
    [
        (LONG, {"monitoring-socket_timeout": 0.05}),
        (0.05, {"monitoring-socket_timeout": LONG}),
    ],
)
def test_a_check_of_a_host_takes_the_shorter_of_its_limits(
    flavour: Flavour, cluster: FakeCluster, interval: float, limits: dict[str, Any]
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(cluster.network, cluster.writer_endpoint, ["host_monitoring"], **limits)
        patience = Patience(LONG, interval, 1, LONG)
        peer = session.adapter.peer(session.raw)
        assert peer
        probe = WatchedConnection(session, session.current, peer, patience).open_probe()
        assert probe.check(interval)
        cluster[1].freeze()
        began = time.monotonic()
        assert not probe.check(interval)
        assert 0.04 < time.monotonic() - began < LONG / 2
        probe.close()

    flavour.run(scenario())
