"""Blocks on a reader or the writer, in both flavours; what servers make of them is tested on the cluster."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.errors import ReadWriteSplittingError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.testing import (
    FakeAdapter,
    FakeCluster,
    FakeNetwork,
    IntegrityError,
    NetworkError,
    ReadOnlyError,
)
from support.noticing import NoticingAdapter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from support.flavours import Flavour

SPLITTING = ("read_write_splitting",)


class Program:
    """A program of either flavour, with a connection."""

    def __init__(self, flavour: Flavour, connection: Any) -> None:
        self.flavour = flavour
        self.connection = connection

    @property
    def raw(self) -> Any:
        return self.connection.target_connection

    @property
    def state(self) -> tuple[str, bool | None]:
        """Which host serves, and what `read_only` is."""
        return self.raw.host.host_id, self.raw.read_only

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        result = function(*args)
        return await result if self.flavour.asynchronous else result

    @asynccontextmanager
    async def block(self, block: Any) -> AsyncIterator[Any]:
        if self.flavour.asynchronous:
            async with block as given:
                yield given
        else:
            with block as given:
                yield given


def play(
    flavour: Flavour,
    network: FakeNetwork,
    scenario: Callable[[Program, FakeCluster], Coroutine[Any, Any, None]],
    endpoint: str = "writer_endpoint",
    plugins: tuple[str, ...] = SPLITTING,
    adapter_class: type[FakeAdapter] = FakeAdapter,
) -> None:
    """Play a scenario with two hosts: db-1 is the writer."""
    cluster = FakeCluster(network, size=2)
    facade: Any = AsyncAwsWrapperConnection if flavour.asynchronous else AwsWrapperConnection

    async def played() -> None:
        session = await flavour.connected(
            network, getattr(cluster, endpoint), plugins, failover_timeout_sec=0.2, adapter_class=adapter_class
        )
        program = Program(flavour, facade(session))
        await scenario(program, cluster)
        await program.call(program.connection.close)

    flavour.run(played())
    assert all(connection.closed for connection in network.opened_by("program"))


def test_a_block_moves_there_and_back(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        before = program.state
        for _ in range(2):
            async with program.block(program.connection.reader()) as given:
                assert given is program.connection
                assert program.state == ("db-2", True)
                async with program.block(program.connection.writer()):
                    assert program.state == ("db-1", False)
                assert program.state == ("db-2", True)
            assert program.state == before

    play(flavour, network, scenario)


def test_a_block_may_be_used_again(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        block = program.connection.reader()
        for _ in range(2):
            async with program.block(block):
                assert program.state == ("db-2", True)
            assert program.raw.host.host_id == "db-1"

    play(flavour, network, scenario)


def test_where_the_program_has_said_nothing_the_endpoint_tells_where_it_was(
    flavour: Flavour, network: FakeNetwork
) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        before = program.state
        for block in (program.connection.reader, program.connection.writer):
            async with program.block(block()):
                pass
            assert program.state == before == ("db-2", False)
            assert program.connection._session.wanted_role is None

    play(flavour, network, scenario, "reader_endpoint")


@pytest.mark.parametrize(("fails", "ends_with"), [(False, "COMMIT"), (True, "ROLLBACK")])
def test_the_transaction_ends_with_the_block(
    flavour: Flavour, network: FakeNetwork, fails: bool, ends_with: str
) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        inside: Any = None

        async def work() -> None:
            nonlocal inside
            async with program.block(program.connection.reader()):
                inside = program.raw
                await program.call(program.connection.execute, "BEGIN")
                if fails:
                    raise ZeroDivisionError

        if fails:
            with pytest.raises(ZeroDivisionError):
                await work()
        else:
            await work()
        assert inside.statements[-2:] == ["BEGIN", ends_with]
        assert program.state == ("db-1", False)

    play(flavour, network, scenario)


def test_a_transaction_of_the_same_kind_goes_on_after_the_block(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        await program.call(program.connection.execute, "BEGIN")
        async with program.block(program.connection.writer()):
            await program.call(program.connection.execute, "INSERT")
        assert program.raw.statements == ["BEGIN", "INSERT"]
        with pytest.raises(ReadWriteSplittingError, match="A read-only transaction cannot begin inside a writable one"):
            async with program.block(program.connection.transaction(read_only=True)):
                pass
        async with program.block(program.connection.transaction(read_only=False)):
            assert program.raw.host.host_id == "db-1"

    play(flavour, network, scenario)


def test_a_commit_that_fails_is_raised_and_the_connection_moves_back(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        network.faults["COMMIT"] = IntegrityError("deferred")
        with pytest.raises(IntegrityError):
            async with program.block(program.connection.reader()):
                await program.call(program.connection.execute, "BEGIN")
        assert program.state == ("db-1", False)

    play(flavour, network, scenario)


def test_without_a_way_back_the_error_inside_wins_and_the_other_is_logged(
    flavour: Flavour, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(program: Program, cluster: FakeCluster) -> None:
        with pytest.raises(ReadOnlyError):  # noqa: PT012
            async with program.block(program.connection.reader()):
                cluster[1].kill()
                await program.call(program.connection.execute, "INSERT")
        assert "a block ended by ReadOnlyError; ignored as it was left" in caplog.text
        caplog.clear()
        with pytest.raises(ReadWriteSplittingError, match="stays on db-2"):
            async with program.block(program.connection.writer()):
                pass
        assert program.raw.host.host_id == "db-2"

    with caplog.at_level(logging.WARNING):
        play(flavour, network, scenario)


def test_a_connection_that_is_lost_or_closed_inside_is_left_as_it_is(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, cluster: FakeCluster) -> None:
        with pytest.raises(NetworkError):  # noqa: PT012
            async with program.block(program.connection.reader()):
                cluster[2].kill()
                await program.call(program.connection.execute, "SELECT")
        cluster[2].start()
        assert program.connection.closed
        await program.call(program.connection.close)

    play(flavour, network, scenario)

    async def closing(program: Program, _cluster: FakeCluster) -> None:
        async with program.block(program.connection.reader()):
            await program.call(program.connection.close)

    play(flavour, network, closing)


@pytest.mark.parametrize("read_only", [True, False])
def test_transactions_begin_and_end_on_their_host(flavour: Flavour, network: FakeNetwork, read_only: bool) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        await program.call(program.connection.set_read_only, not read_only)
        before = program.state
        async with program.block(program.connection.transaction(read_only=read_only)):
            inside = program.raw
            await program.call(program.connection.execute, "SELECT")
            assert program.state == ("db-2" if read_only else "db-1", read_only)
        assert inside.statements == ["BEGIN", "SELECT", "COMMIT", "COMMIT"]
        assert program.state == before

    play(flavour, network, scenario)


def test_without_read_only_it_is_the_drivers_own_block(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        async with program.block(program.connection.transaction()):
            pass
        assert program.raw.statements == ["BEGIN", "COMMIT"]

    play(flavour, network, scenario)


def test_without_the_plugin_only_read_only_is_set(flavour: Flavour, network: FakeNetwork) -> None:
    async def scenario(program: Program, _cluster: FakeCluster) -> None:
        async with program.block(program.connection.reader()):
            assert program.state == ("db-1", True)
        assert program.state == ("db-1", False)

    play(flavour, network, scenario, plugins=("failover",))


@pytest.mark.parametrize("read_only", [True, False])
def test_a_block_begins_on_no_connection_that_was_lost_in_a_transaction(
    flavour: Flavour, network: FakeNetwork, read_only: bool
) -> None:
    async def scenario(program: Program, cluster: FakeCluster) -> None:
        await program.call(program.connection.set_read_only, True)
        await program.call(program.connection.execute, "BEGIN")
        cluster[2].drop()
        with pytest.raises(TransactionResolutionUnknownError):
            async with program.block(program.connection.transaction(read_only=read_only)):
                pass
        async with program.block(program.connection.transaction(read_only=read_only)):
            assert program.raw.host.host_id == ("db-2" if read_only else "db-1")
        assert program.raw.host.host_id == "db-2"

    plugins = ("read_write_splitting", "failover")
    play(flavour, network, scenario, plugins=plugins, adapter_class=NoticingAdapter)


def test_leaving_the_connections_own_block_when_it_is_lost_ends_both_sides(
    flavour: Flavour, network: FakeNetwork
) -> None:
    async def scenario(program: Program, cluster: FakeCluster) -> None:
        with pytest.raises(NetworkError):  # noqa: PT012
            async with program.block(program.connection):
                for read_only in (True, False):
                    await program.call(program.connection.set_read_only, read_only)
                cluster[1].drop()
                await program.call(program.connection.execute, "SELECT")
        assert [raw.closed for raw in network.opened_by("program")] == [True, True]

    play(flavour, network, scenario)
