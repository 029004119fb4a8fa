"""`socket_timeout` in sessions: who gets the limit, and what follows when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.errors import (
    AwsWrapperError,
    FailoverSuccessError,
    QueryTimeoutError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork

if TYPE_CHECKING:
    from support.flavours import Flavour

LIMIT = 0.05


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


@pytest.mark.parametrize("plugins", [[], ["host_monitoring"], ["aurora_connection_tracker"]], ids=str)
def test_without_failover_the_program_sees_the_timeout(
    flavour: Flavour, cluster: FakeCluster, plugins: list[str]
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(cluster.network, cluster.writer_endpoint, plugins, socket_timeout=LIMIT)
        with pytest.raises(QueryTimeoutError, match=cluster.writer_endpoint):
            await flavour.execute(session, "SLEEP")
        assert session.raw.closed

    flavour.run(scenario())


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_failover_follows_on_a_timeout_and_the_next_connection_has_the_limit_too(
    flavour: Flavour, cluster: FakeCluster, in_transaction: bool
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(cluster.network, cluster.writer_endpoint, ["failover"], socket_timeout=LIMIT)
        for _ in range(2):
            raw = session.raw
            if in_transaction:
                await flavour.execute(session, "BEGIN")
            expected = TransactionResolutionUnknownError if in_transaction else FailoverSuccessError
            with pytest.raises(expected) as raised:
                await flavour.execute(session, "SLEEP")
            assert isinstance(raised.value.__cause__, QueryTimeoutError)
            assert session.raw is not raw
            assert session.raw.wait_limit == LIMIT

    flavour.run(scenario())


def test_a_connection_without_limit_is_left_as_it_is(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await flavour.connected(cluster.network, cluster.writer_endpoint, [])
        assert session.raw.wait_limit is None

    flavour.run(scenario())


@pytest.mark.parametrize(("given", "seconds"), [("2", 2.0), ("0.5", 0.5), (3, 3.0), (1e9, 1e9)])
def test_seconds_are_taken_as_text_whole_or_broken(given: Any, seconds: float) -> None:
    assert SOCKET_TIMEOUT.read(given) == seconds


@pytest.mark.parametrize("given", [0, -1, "0", "soon", float("inf"), float("nan"), True])
def test_what_is_no_time_is_refused(given: Any) -> None:
    with pytest.raises(AwsWrapperError, match=r"^Parameter socket_timeout: .* a number of seconds above 0"):
        SOCKET_TIMEOUT.read(given)
