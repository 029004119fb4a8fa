"""`socket_timeout` where the driver has no such limit: each call is watched."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.call_limit import CallLimit
from aws_advanced_python_wrapper.errors import (
    FailoverSuccessError,
    QueryTimeoutError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, IntegrityError
from support.other_driver import OtherAdapter

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

LIMIT = 0.05
NEVER = 60.0


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


async def connected(flavour: Flavour, cluster: FakeCluster, plugins: Any = (), **settings: Any) -> Session:
    return await flavour.connected(
        cluster.network, cluster.writer_endpoint, plugins, adapter_class=OtherAdapter, **settings
    )


def test_a_call_whose_server_is_silent_ends_with_the_connection(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=LIMIT)
        with pytest.raises(QueryTimeoutError, match=cluster.writer_endpoint) as raised:
            await flavour.execute(session, "SLEEP")
        assert f"has not answered for {LIMIT:g} s, the socket_timeout" in str(raised.value)
        assert isinstance(raised.value, session.adapter.errors.OperationalError)
        assert raised.value.__cause__
        assert session.raw.lost
        assert session.running == []

    flavour.run(scenario())


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_failover_follows_and_the_next_connection_has_the_limit_too(
    flavour: Flavour, cluster: FakeCluster, in_transaction: bool
) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, ["failover"], socket_timeout=LIMIT)
        for _ in range(2):
            raw = session.raw
            if in_transaction:
                await flavour.execute(session, "BEGIN")
            expected = TransactionResolutionUnknownError if in_transaction else FailoverSuccessError
            with pytest.raises(expected) as raised:
                await flavour.execute(session, "SLEEP")
            assert isinstance(raised.value.__cause__, QueryTimeoutError)
            assert session.raw is not raw

    flavour.run(scenario())


def test_a_server_that_goes_on_sending_has_more_time(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=LIMIT)
        adapter: Any = session.adapter
        said: list[float | None] = [LIMIT, 0.9 * LIMIT, 0.8 * LIMIT]
        adapter.heard = said.pop
        with pytest.raises(QueryTimeoutError):
            await flavour.execute(session, "SLEEP")
        assert said == []

    flavour.run(scenario())


def test_what_was_heard_before_the_call_does_not_shorten_it(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=NEVER)
        adapter: Any = session.adapter
        adapter.heard = lambda: 2 * NEVER
        assert await flavour.execute(session, "SELECT 1") == "db-1"
        assert not session.raw.lost

    flavour.run(scenario())


def test_calls_that_end_in_time_may_last_longer_together(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=LIMIT)
        for _ in range(4):
            await session.io.sleep(LIMIT / 2)
            assert await flavour.execute(session, "SELECT 1") == "db-1"
        assert not session.raw.lost

    flavour.run(scenario())


def test_another_error_passes_as_it_is(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=NEVER)
        error = cluster.network.faults["INSERT"] = IntegrityError("it is there already")
        with pytest.raises(IntegrityError) as raised:
            await flavour.execute(session, "INSERT")
        assert raised.value is error
        cluster[1].drop()
        with pytest.raises(session.adapter.failures[-1], match="server closed the connection"):
            await flavour.execute(session, "SELECT 1")

    flavour.run(scenario())


def test_an_alarm_that_a_signal_has_left_behind_harms_no_idle_connection(
    flavour: Flavour, cluster: FakeCluster
) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=LIMIT)
        (limit,) = session._wrapping
        assert isinstance(limit, CallLimit)
        limit._ring(session.raw)
        assert not session.raw.lost

    flavour.run(scenario())


def test_an_error_is_no_timeout_where_an_alarm_found_nothing_running(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await connected(flavour, cluster, socket_timeout=LIMIT)
        (limit,) = session._wrapping
        asked = threading.Event()

        class Running(list[float]):
            def __bool__(self) -> bool:
                asked.set()
                return False

        async def fails_afterwards() -> None:
            while not asked.is_set():
                await session.io.sleep(LIMIT / 10)
            raise IntegrityError("it is there already")

        session.running = Running()
        with pytest.raises(IntegrityError):
            await limit.execute(fails_afterwards, fails_afterwards)
        assert not session.raw.lost

    flavour.run(scenario())


def test_without_a_limit_calls_are_not_watched(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        assert list((await connected(flavour, cluster))._wrapping) == []

    flavour.run(scenario())
