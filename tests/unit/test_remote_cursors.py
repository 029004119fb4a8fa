"""Cursors that are closed by a message to the server, as MySQL's prepared ones are, when their connection is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.aio import AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager, ConnectionProviderManager
from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.pep249 import InterfaceError
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from aws_advanced_python_wrapper.testing import FakeAdapter, FakeCluster, FakeCursor, FakeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

SOON = 0.05


class RemoteCursor(FakeCursor):
    connection: Any

    async def _close(self) -> None:
        if not self.closed:
            await self.connection.perform("DEALLOCATE")
            if self.connection.asynchronous:
                await asyncio.sleep(0)  # a message takes its time
            self.closed = True


class RemoteAdapter(FakeAdapter):
    def rows_are_local(self, raw: Any) -> bool:
        return not isinstance(raw, RemoteCursor)

    def is_open_at_server(self, raw: Any) -> bool:
        del raw
        return False


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


@pytest.fixture
def pooled(flavour: Flavour) -> Iterator[None]:
    manager = AsyncConnectionProviderManager if flavour.asynchronous else ConnectionProviderManager
    provider = AsyncPooledConnectionProvider if flavour.asynchronous else SqlAlchemyPooledConnectionProvider
    manager.set_connection_provider(provider())
    yield
    manager.reset_provider()


async def with_cursor(flavour: Flavour, cluster: FakeCluster, host: str, *plugins: str) -> tuple[Session, Any]:
    session = await flavour.connected(
        cluster.network, host, plugins, adapter_class=RemoteAdapter, auxiliary_query_timeout_sec=SOON
    )
    return session, flavour.connection(session)._ours(RemoteCursor(session.raw))


@pytest.mark.usefixtures("pooled")
def test_they_are_closed_there_before_the_next_program_has_the_connection(
    flavour: Flavour, cluster: FakeCluster
) -> None:
    async def scenario() -> None:
        raws = []
        for _ in range(2):
            session, cursor = await with_cursor(flavour, cluster, cluster[1].name)
            raws.append(session.raw)
            remote = cursor.target_cursor
            await session.end()
            assert remote.closed
            assert cursor.target_cursor is not remote
        assert raws[0] is raws[1]
        assert (raws[0].closed, raws[0].statements) == (False, ["DEALLOCATE", "DEALLOCATE"])

    flavour.run(scenario())


@pytest.mark.usefixtures("pooled")
def test_a_silent_host_is_given_up_as_with_any_query_of_ours(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session, cursor = await with_cursor(flavour, cluster, cluster[1].name)
        raw = session.raw
        cluster[1].freeze()
        await session.end()
        assert raw.closed
        assert cursor.closed

    flavour.run(scenario())


@pytest.mark.usefixtures("pooled")
def test_what_another_call_may_be_using_is_left_to_it(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session, cursor = await with_cursor(flavour, cluster, cluster[1].name)
        raw = session.raw
        with session.noted():
            await session.end()
        assert (raw.closed, raw.statements) == (True, [])
        with pytest.raises(InterfaceError, match="its connection was closed"):
            await session.io.call(cursor.fetchone)

    flavour.run(scenario())


def test_after_a_failover_too(flavour: Flavour, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session, cursor = await with_cursor(flavour, cluster, cluster.writer_endpoint, "failover")
        raw = session.raw
        cluster.fail_over(2)
        with session.noted(), pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        assert session.raw is not raw
        assert raw.statements == ["SELECT"]
        with pytest.raises(InterfaceError, match="This cursor has ended"):
            await session.io.call(cursor.fetchone)

    flavour.run(scenario())


@pytest.mark.usefixtures("pooled")
def test_who_is_interrupted_there_leaves_no_connection_behind(
    flavour: Flavour, cluster: FakeCluster, network: FakeNetwork
) -> None:
    class Interrupted(BaseException):
        """As KeyboardInterrupt, or a cancellation."""

    async def scenario() -> None:
        session, _cursor = await with_cursor(flavour, cluster, cluster[1].name)
        raw = session.raw
        network.faults["DEALLOCATE"] = Interrupted()
        with pytest.raises(Interrupted):
            await session.end()
        assert raw.closed

    flavour.run(scenario())
