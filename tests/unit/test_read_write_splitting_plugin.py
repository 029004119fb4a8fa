from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.aio import AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager, ConnectionProviderManager
from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.errors import AwsWrapperError, FailoverSuccessError, ReadWriteSplittingError
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from aws_advanced_python_wrapper.testing import (
    FakeCluster,
    FakeNetwork,
    InterfaceError,
    LoginError,
    NetworkError,
    ReadOnlyError,
)
from support.flavours import AsyncioFlavour, BlockingFlavour
from support.forking import works_in_a_child
from support.noticing import NoticingAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.pools import PooledConnectionProvider
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

SPLITTING = ("read_write_splitting",)
WITH_FAILOVER = ("read_write_splitting", "failover")
BRIEF: dict[str, Any] = {"failover_timeout_sec": 0.2}


async def play(flavour: Flavour, session: Session, cluster: FakeCluster, step: str) -> str:
    """Carry out one step and return what came of it: the number of the host that serves, or the error's class."""
    what, _, rest = step.partition(" ")
    try:
        if what in ("read", "write"):
            await session.route(what == "read")
        elif what in ("kill", "drop", "start", "freeze"):
            getattr(cluster[int(rest)], what)()
        elif what in ("promote", "demote"):
            cluster.fail_over(int(rest), drop=what == "promote")
        elif what == "leave":
            session.take_aside()
        else:
            await flavour.execute(session, step)
    except Exception as error:  # noqa: BLE001 - its class is what the case names
        return type(error).__name__
    return str(session.raw.host.host_id).removeprefix("db-")


@dataclass
class Case:
    """Steps, each with what comes of it: `read -> 23` means that host 2 or 3 serves after `read_only = True`."""

    name: str
    steps: str
    size: int = 3
    endpoint: str = "writer"
    plugins: tuple[str, ...] = SPLITTING
    settings: dict[str, Any] = field(default_factory=dict)


ERROR, SUCCESS, UNKNOWN = "ReadWriteSplittingError", "FailoverSuccessError", "TransactionResolutionUnknownError"

NOTICED: dict[str, Any] = {"adapter_class": NoticingAdapter}

CASES = [
    Case("to a reader and back", "read -> 23, write -> 1, read -> 23, write -> 1"),
    Case("the same again changes nothing", "write -> 1, read -> 23, read -> 23, write -> 1, write -> 1"),
    Case("a reader endpoint", "SELECT -> 3, read -> 3, write -> 1, read -> 3", endpoint="reader"),
    Case("a reader endpoint and writes", "write -> 1, INSERT -> 1", endpoint="reader"),
    Case("one host only", "read -> 1, write -> 1", size=1),
    Case("two hosts", "read -> 2, write -> 1, read -> 2", size=2),
    Case("a transaction on the writer", "BEGIN -> 1, read -> 1, write -> 1, COMMIT -> 1, read -> 23"),
    Case("a transaction on a reader",
         f"read -> 2, BEGIN -> 2, read -> 2, write -> {ERROR}, COMMIT -> 2, write -> 1",
         2),
    Case("a dead reader", "kill 2 -> 1, read -> 3, write -> 1"),
    Case("all readers dead", "kill 2 -> 1, kill 3 -> 1, read -> 1, write -> 1"),
    Case("all readers dead, then one is back", "kill 2 -> 1, kill 3 -> 1, read -> 1, start 3 -> 1, read -> 3"),
    Case("the reader dies while it is left", "read -> 2, write -> 1, kill 2 -> 1, read -> 1, write -> 1", 2),
    Case("the reader's line is cut while it is left", "read -> 2, write -> 1, drop 2 -> 1, read -> 2", 2),
    Case("the writer's line is cut while it is left", "read -> 2, drop 1 -> 2, write -> 1, INSERT -> 1", 2),
    Case("no writer", f"read -> 2, kill 1 -> 2, write -> {ERROR}, SELECT -> 2", size=2, settings=BRIEF),
    Case("no writer, then it is back",
         f"read -> 2, kill 1 -> 2, write -> {ERROR}, start 1 -> 2, write -> 1",
         size=2, settings=BRIEF),
    Case("another writer while reading",
         "read -> 23, promote 2 -> 23, write -> 2, INSERT -> 2",
         plugins=WITH_FAILOVER),
    Case("another writer, the old one gone", "read -> 23, kill 1 -> 23, promote 2 -> 23, write -> 2, INSERT -> 2"),
    Case("the writer is demoted in place while it idles, and nobody has noticed",
         f"read -> 2, demote 3 -> 2, write -> 1, INSERT -> {SUCCESS}, INSERT -> 3, read -> 12",
         plugins=WITH_FAILOVER,
         settings={"topology_refresh_ms": 60_000, "reader_host_selector_strategy": "round_robin"}),
    Case("a failover while writing",
         f"promote 2 -> 1, SELECT -> {SUCCESS}, SELECT -> 2, read -> 13",
         plugins=WITH_FAILOVER),
    Case("the reader is lost",
         f"read -> 2, drop 2 -> 2, SELECT -> {SUCCESS}, SELECT -> 2, write -> 1",
         2, plugins=WITH_FAILOVER),
    Case("the only reader dies",
         f"read -> 2, kill 2 -> 2, SELECT -> {SUCCESS}, SELECT -> 1, read -> 1, start 2 -> 1, read -> 2",
         2, plugins=WITH_FAILOVER),
    Case("a reader dies in a transaction",
         f"read -> 2, BEGIN -> 2, kill 2 -> 2, SELECT -> {UNKNOWN}, write -> 1",
         2, plugins=WITH_FAILOVER),
    Case("lost, without failover", f"read -> 2, drop 2 -> 2, SELECT -> NetworkError, write -> {ERROR}", 2),
    Case("the idle reader's line is cut and known to be: to the writer",
         f"read -> 2, drop 2 -> 2, write -> {SUCCESS}, write -> 1",
         2, plugins=WITH_FAILOVER, settings=NOTICED),
    Case("the idle reader's line is cut and known to be: the same again",
         f"read -> 2, drop 2 -> 2, read -> {SUCCESS}, read -> 2",
         2, plugins=WITH_FAILOVER, settings=NOTICED),
    Case("the idle writer's line is cut and known to be",
         f"drop 1 -> 1, read -> {SUCCESS}, read -> 23, write -> 1",
         plugins=WITH_FAILOVER, settings=NOTICED),
    Case("another writer while the connection idles, and known to be cut",
         f"promote 2 -> 1, write -> {SUCCESS}, write -> 2, INSERT -> 2",
         plugins=WITH_FAILOVER, settings=NOTICED),
    Case("cut in a transaction and known to be",
         f"read -> 2, BEGIN -> 2, drop 2 -> 2, write -> {UNKNOWN}, write -> 1",
         2, plugins=WITH_FAILOVER, settings=NOTICED),
    Case("cut and known to be, and no host is left",
         f"drop 1 -> 1, kill 1 -> 1, kill 2 -> 1, read -> FailoverFailedError, read -> {ERROR}",
         2, plugins=WITH_FAILOVER, settings={**NOTICED, **BRIEF}),
    Case("cut and known to be, without failover",
         f"read -> 2, drop 2 -> 2, write -> {ERROR}, read -> {ERROR}",
         2, settings=NOTICED),
    Case("cut and known to be, failover switched off",
         f"read -> 2, drop 2 -> 2, write -> {ERROR}, read -> {ERROR}",
         2, plugins=WITH_FAILOVER, settings={**NOTICED, "enable_failover": False}),
    Case("strict reader",
         f"read -> 2, kill 2 -> 2, SELECT -> {SUCCESS}, SELECT -> 3",
         plugins=WITH_FAILOVER,
         settings={"failover_mode": "strict_reader", "reader_host_selector_strategy": "round_robin"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_where_the_session_works(flavour: Flavour, network: FakeNetwork, case: Case) -> None:
    cluster = FakeCluster(network, size=case.size)
    host = {"writer": cluster.writer_endpoint, "reader": cluster.reader_endpoint}[case.endpoint]

    async def scenario() -> None:
        session = await flavour.connected(network, host, case.plugins, **case.settings)
        for number, line in enumerate(case.steps.split(", ")):
            step, expected = line.split(" -> ")
            came_of_it = await play(flavour, session, cluster, step)
            assert came_of_it == expected or came_of_it in list(expected), f"step {number}, {step}: {came_of_it}"
        await session.end()

    flavour.run(scenario())
    gc.collect()
    left = [connection for connection in network.opened_by("program") if not (connection.closed or connection.lost)]
    assert left == []


def test_moving_back_and_forth_opens_one_connection_for_each_side(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        for read_only in [True, False] * 50:
            await session.route(read_only)
            await flavour.execute(session, "SELECT" if read_only else "INSERT")
        assert len(network.opened_by("program")) == 2
        await session.end()
        assert all(connection.closed for connection in network.opened_by("program"))

    flavour.run(scenario())


@pytest.mark.parametrize(("strategy", "expected"), [("round_robin", ["db-2", "db-3", "db-2", "db-3"])])
def test_the_strategy_chooses_the_reader(
    flavour: Flavour, network: FakeNetwork, strategy: str, expected: list[str]
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        chosen = []
        for _ in expected:
            session = await flavour.connected(
                network, cluster.writer_endpoint, SPLITTING, reader_host_selector_strategy=strategy
            )
            await session.route(True)
            chosen.append(session.raw.host.host_id)
            await session.end()
        assert chosen == expected

    flavour.run(scenario())


def test_a_strategy_that_does_not_exist_is_refused_before_anything_is_opened(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)
    with pytest.raises(AwsWrapperError, match="round_robin"):
        flavour.session(network, cluster.writer_endpoint, SPLITTING, reader_host_selector_strategy="round_robbin")
    assert network.attempts == []


def test_a_database_without_cluster_is_left_alone(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, aurora=False)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        for read_only in (True, False):
            await session.route(read_only)
        assert len(network.opened_by("program")) == 1
        await session.end()

    flavour.run(scenario())


def test_a_closed_connection_cannot_be_moved(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        await session.end()
        for read_only in (True, False):
            with pytest.raises(ReadWriteSplittingError, match="closed") as caught:
                await session.route(read_only)
            assert isinstance(caught.value, InterfaceError)

    flavour.run(scenario())


def test_the_error_inside_a_transaction_says_what_to_do(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        await session.route(True)
        await flavour.execute(session, "BEGIN")
        with pytest.raises(ReadWriteSplittingError, match=r"db-2.*Commit or roll back first") as caught:
            await session.route(False)
        assert caught.value.sqlstate == "25001"
        assert session.wanted_role is HostRole.READER
        await session.end()

    flavour.run(scenario())


@dataclass
class Held:
    """A cursor as the session sees it."""

    target_cursor: Any
    reason: str = ""

    def become_stale(self, reason: str) -> None:
        self.reason = reason

    __hash__ = object.__hash__


def test_cursors_of_the_host_that_is_left_end_with_the_reason(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        held = Held(session.raw.cursor())
        session.add_cursor(held)
        await session.route(True)
        assert held.reason.startswith("the session has moved from db-1.")
        await session.end()

    flavour.run(scenario())


def test_falling_back_to_the_writer_warns_once(
    flavour: Flavour, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        for read_only in [True, False] * 3:
            await session.route(read_only)
        assert caplog.records == []
        cluster[2].kill()
        for read_only in [True, False] * 3:
            await session.route(read_only)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        cluster[2].start()
        while session.raw.host is not cluster[2]:
            await session.route(True)
        await session.end()

    with caplog.at_level(logging.INFO, logger="aws_advanced_python_wrapper.read_write_splitting_plugin"):
        flavour.run(scenario())


def test_each_reader_is_tried_twice_at_most(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=4)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        for number in (2, 3, 4):
            cluster[number].kill()
        network.attempts.clear()
        await session.route(True)
        tried = network.attempts_by("program")
        assert sorted(tried) == sorted([cluster[number].name for number in (2, 3, 4)] * 2)
        assert set(tried[:3]) == {cluster[number].name for number in (2, 3, 4)}
        await session.end()

    flavour.run(scenario())


def test_readers_that_refuse_the_user_are_passed_over(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        network.refused_users.add("app")
        await session.route(True)
        assert session.raw.host is cluster[1]
        network.refused_users.clear()
        await session.end()

    flavour.run(scenario())


def test_the_error_of_a_writer_that_refuses_the_user_is_the_cause(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.reader_endpoint, SPLITTING)
        network.refused_users.add("app")
        with pytest.raises(ReadWriteSplittingError, match="stays on db-2") as caught:
            await session.route(False)
        assert isinstance(caught.value.__cause__, LoginError)
        assert await flavour.execute(session, "SELECT") == "db-2"
        network.refused_users.clear()
        await session.route(False)
        assert session.raw.host is cluster[1]
        await session.end()

    flavour.run(scenario())


def test_a_reader_that_is_lost_while_its_state_is_set_is_replaced(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        await session.route(True)
        first = session.raw
        await session.route(False)
        transfer, failures = session.state.transfer, [NetworkError("gone")]

        async def fail_once(old: Any, new: Any, read_only: bool | None = None) -> None:
            if failures:
                raise failures.pop()
            await transfer(old, new, read_only)

        session.state.transfer = fail_once  # type: ignore[method-assign]
        await session.route(True)
        assert session.raw.host is cluster[2]
        assert session.raw is not first
        assert first.closed
        await session.end()

    flavour.run(scenario())


def test_the_side_that_is_not_in_use_ends_when_another_writer_takes_over(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        writer = session.raw
        await session.route(True)
        cluster.fail_over(3 if session.raw.host is cluster[2] else 2, drop=False)
        for _ in range(1000):
            if writer.lost:
                break
            await session.io.sleep(0.005)
        assert writer.lost
        assert not session.raw.lost
        await session.route(False)
        assert session.raw.host.is_writer
        await session.end()

    flavour.run(scenario())


def test_a_failover_ends_the_side_that_is_not_in_use(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, WITH_FAILOVER)
        await session.route(True)
        reader = session.raw
        await session.route(False)
        cluster[1].drop()
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        assert reader.closed
        assert session.take_aside() is None
        await session.end()

    flavour.run(scenario())


def test_attributes_that_a_pool_has_added_move_along_and_leave_no_copy(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        writer = session.raw
        writer.pool = "first"
        await session.route(True)
        assert session.raw.pool == "first"
        assert not hasattr(writer, "pool")
        session.raw.pool = None
        await session.route(False)
        assert session.raw is writer
        assert writer.pool is None
        await session.end()

    flavour.run(scenario())


def test_a_connection_that_another_call_is_using_is_not_left(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.reader_endpoint, SPLITTING)
        with session.noted(), pytest.raises(ReadWriteSplittingError):
            await session.route(False)
        await session.route(False)
        assert session.raw.host is cluster[1]
        await session.end()

    flavour.run(scenario())


def test_reading_again_after_dead_readers_cost_time_waits_as_long_at_most(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING, **BRIEF)
        cluster[2].freeze()
        await session.route(True)
        network.attempts.clear()
        for read_only in [False, True] * 3:
            await session.route(read_only)
        assert network.attempts_by("program") == []
        await session.end()

    flavour.run(scenario())


def test_a_forked_child_leaves_its_parents_connections_alone(network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)
    session = run(BlockingFlavour().connected(network, cluster.writer_endpoint, SPLITTING))
    run(session.route(True))

    def opens_one_of_its_own() -> None:
        run(session.route(False))
        assert session.raw is network.opened[-1]
        assert session.raw.host is cluster[1]
        assert not network.opened[0].lost

    assert works_in_a_child(opens_one_of_its_own)
    run(session.route(False))
    assert session.raw is network.opened_by("program")[0]
    run(session.end())


def test_writes_on_a_reader_are_the_programs_own_error(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, WITH_FAILOVER)
        await session.route(True)
        with pytest.raises(ReadOnlyError):
            await flavour.execute(session, "INSERT")
        assert session.raw.host is cluster[2]
        await session.end()

    flavour.run(scenario())


@pytest.fixture
def pools(flavour: Flavour) -> Iterator[PooledConnectionProvider]:
    """Have all connections taken from internal pools."""
    manager = AsyncConnectionProviderManager if flavour.asynchronous else ConnectionProviderManager
    provider: Any = AsyncPooledConnectionProvider() if flavour.asynchronous else SqlAlchemyPooledConnectionProvider()
    manager.set_connection_provider(provider)
    yield provider
    manager.reset_provider()


def test_the_side_that_is_left_goes_back_to_its_internal_pool(
    flavour: Flavour, network: FakeNetwork, pools: PooledConnectionProvider
) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, SPLITTING)
        for read_only in [True, False] * 5:
            await session.route(read_only)
            assert session.raw.host is cluster[2 if read_only else 1]
            assert session.take_aside() is None
            assert sum(pool.in_use for _, pool in pools._pools.values()) == 1
        assert len(network.opened_by("program")) == 2
        await session.end()
        assert sum(pool.in_use for _, pool in pools._pools.values()) == 0

    flavour.run(scenario())


class CalledMeanwhile(Plugin):
    """Another thread's call begins just before the session works on a reader."""

    code = "called_meanwhile"

    def connected(self, opened: Opened) -> None:
        if opened.host.role is HostRole.READER:
            self.session.running.append(0.0)


def test_a_side_on_which_a_call_has_begun_does_not_go_back_to_its_internal_pool(
    flavour: Flavour, network: FakeNetwork, pools: PooledConnectionProvider
) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, [*SPLITTING, CalledMeanwhile])
        writer = session.raw
        await session.route(True)
        assert writer.closed
        assert sum(pool.in_use for _, pool in pools._pools.values()) == 1
        session.running.clear()
        await session.end()

    flavour.run(scenario())


def test_readers_that_lag_too_far_behind_do_not_serve(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING, reader_max_lag_ms=50)
        await session.route(True)
        assert session.raw.host is cluster[2]
        await session.route(False)
        cluster[1].table = [("db-1", "t", "0", None), ("db-2", "f", "60", None)]
        while session.cluster.store.current.find(f"{cluster[2].name}:5432").lag_ms != 60:  # type: ignore[union-attr]
            await session.io.sleep(0.005)
        await session.route(True)
        assert session.raw.host is cluster[1]
        await session.end()

    flavour.run(scenario())


@pytest.mark.parametrize("steps", range(14))
@pytest.mark.parametrize("read_only", [True, False])
def test_a_move_that_is_cancelled_leaves_nothing_open(network: FakeNetwork, steps: int, read_only: bool) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        endpoint = cluster.writer_endpoint if read_only else cluster.reader_endpoint
        session = await AsyncioFlavour().connected(network, endpoint, SPLITTING)
        move = asyncio.create_task(session.route(read_only))
        for _ in range(steps):
            await asyncio.sleep(0)
        move.cancel()
        with suppress(asyncio.CancelledError):
            await move
        await session.route(read_only)
        assert session.raw.host is cluster[2 if read_only else 1]
        await session.end()

    asyncio.run(scenario())
    assert [connection for connection in network.opened_by("program") if not connection.closed] == []


class Interruption(BaseException):
    """What a signal handler raises."""


class InterruptedAtReaders(Plugin):
    """Interrupted as soon as the session works on a reader."""

    code = "interrupted"

    def connected(self, opened: Opened) -> None:
        if opened.host.role is HostRole.READER:
            raise Interruption


def test_a_move_that_is_interrupted_at_its_end_loses_no_connection(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, [*SPLITTING, InterruptedAtReaders])
        with pytest.raises(Interruption):
            await session.route(True)
        assert await flavour.execute(session, "SELECT") == "db-2"
        await session.route(False)
        assert await flavour.execute(session, "INSERT") == "db-1"
        await session.end()

    flavour.run(scenario())


def test_moving_goes_on_after_the_background_threads_have_ended(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network, size=2)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, SPLITTING)
        await session.route(True)
        release_resources()
        for read_only in [False, True] * 3:
            await session.route(read_only)
            assert session.raw.host is cluster[2 if read_only else 1]
        assert len(network.opened_by("program")) == 2
        await session.end()

    flavour.run(scenario())
