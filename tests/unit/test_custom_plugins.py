"""Plugins as their authors write them: against `aws_advanced_python_wrapper.plugin`, tested without a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError
from aws_advanced_python_wrapper.plugin import (
    BlockingPlugin,
    CallNext,
    ConnectNext,
    ErrorKind,
    Failure,
    HostInfo,
    Opened,
    Phase,
    Plugin,
    method_name,
    plugin_of,
)
from aws_advanced_python_wrapper.testing import FakeCluster, NetworkError, aconnect, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


class Names(Plugin):
    """Notes the names of calls."""

    code = "names"

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.seen: list[str] = []

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(method_name(function))
        return await proceed(*args, **kwargs)


def test_calls_have_names_that_say_on_what_they_are_made(network: FakeNetwork, cluster: FakeCluster) -> None:
    connection: Any = connect(network, cluster.writer_endpoint, [Names])
    cursor = connection.cursor()
    cursor.execute("SELECT")
    cursor.executemany("SELECT", [])
    connection.execute("SELECT")
    connection.commit()
    connection.tpc_begin("1")
    connection.rollback()
    connection.read_only = True
    connection.set_schema("app")
    connection.set_role("clerk")
    with connection.transaction():
        pass
    assert list(cursor.stream("SELECT")) == [("db-1",)]
    with connection.pipeline() as pipeline:
        pipeline.sync()
    assert plugin_of(connection, Names).seen == [
        *("Connection.cursor", "Cursor.execute", "Cursor.executemany", "Connection.execute", "Connection.commit"),
        *("Connection.tpc_begin", "Connection.rollback", "Connection.set_read_only"),
        *("Connection.set_schema", "Connection.set_role"),
        *("Connection.transaction.__enter__", "Connection.transaction.__exit__"),
        *("Connection.__next__", "Connection.__next__"),
        *("Connection.pipeline.__enter__", "FakePipeline.sync", "Connection.pipeline.__exit__"),
    ]


def test_calls_of_asyncio_have_the_same_names(network: FakeNetwork, cluster: FakeCluster) -> None:
    async def program() -> list[str]:
        connection: Any = await aconnect(network, cluster.writer_endpoint, [Names])
        await connection.cursor().execute("SELECT")
        await connection.execute("SELECT")
        await connection.commit()
        await connection.set_read_only(True)
        await connection.set_schema("app")
        await connection.set_role("clerk")
        async with connection.transaction():
            pass
        return plugin_of(connection, Names).seen

    assert asyncio.run(program()) == [
        *("Cursor.execute", "Connection.execute", "Connection.commit", "Connection.set_read_only"),
        *("Connection.set_schema", "Connection.set_role"),
        *("Connection.transaction.__enter__", "Connection.transaction.__exit__"),
    ]


def test_a_plugin_that_does_not_serve_the_connection_is_told(network: FakeNetwork, cluster: FakeCluster) -> None:
    connection = connect(network, cluster.writer_endpoint)
    with pytest.raises(LookupError, match="has no plugin Names: name it in plugins"):
        plugin_of(connection, Names)


class Blocker(BlockingPlugin):
    """Writes every hook down, by functions that are no coroutines."""

    code = "blocker"

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.log: list[str] = []

    def connect(self, host: HostInfo, proceed: Callable[[HostInfo], Opened]) -> Opened:
        opened = proceed(host)
        self.log.append(f"connected to {opened.host.host_id}")
        return opened

    def connected(self, opened: Opened) -> None:
        self.log.append(f"works on {opened.host.host_id}")

    def execute(self, function: Callable[..., Any], proceed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = proceed(*args, **kwargs)
        self.log.append(f"called {method_name(function)}{args[:1]}")
        return result

    def on_read_only(self, read_only: bool) -> None:
        self.log.append(f"read only: {read_only}")

    def on_error(self, failure: Failure) -> None:
        self.log.append(f"heard of {failure.kind.value}")

    def close(self) -> None:
        self.log.append("closed")


def test_a_blocking_plugin_takes_part_in_everything(network: FakeNetwork, cluster: FakeCluster) -> None:
    connection: Any = connect(network, cluster.writer_endpoint, ["failover", Blocker])
    log = plugin_of(connection, Blocker).log
    connection.execute("SELECT")
    connection.read_only = True
    cluster.fail_over(to=2)
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT")
    connection.close()
    assert log == [
        *("connected to db-1", "works on db-1", "called Connection.execute('SELECT',)"),
        *("read only: True", "called Connection.set_read_only(True,)"),
        *("heard of network", "connected to db-2", "works on db-2", "closed"),
    ]


def test_a_blocking_plugin_may_stand_on_another_one(network: FakeNetwork, cluster: FakeCluster) -> None:
    class Careful(Blocker):
        code = "careful"

        def execute(self, function: Callable[..., Any], proceed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            self.log.append("about to call")
            return super().execute(function, proceed, *args, **kwargs)

    connection = connect(network, cluster.writer_endpoint, [Careful])
    connection.execute("SELECT")
    assert plugin_of(connection, Careful).log[-2:] == ["about to call", "called Connection.execute('SELECT',)"]
    assert plugin_of(connection, Blocker) is plugin_of(connection, Careful)


def test_a_blocking_plugin_may_use_its_session(network: FakeNetwork, cluster: FakeCluster) -> None:
    class Elsewhere(BlockingPlugin):
        code = "elsewhere"
        phase = Phase.ROUTING
        needs_topology = True

        def on_read_only(self, read_only: bool) -> None:
            cluster = self.session.cluster
            topology = cluster.store.current if cluster else None
            assert topology is not None
            place = next(host for host in topology.hosts if host.host_id == ("db-2" if read_only else "db-1"))
            self.wait(self.session.switch(self.open(place), "the program says so"))

    connection: Any = connect(network, cluster.writer_endpoint, [Elsewhere])
    connection.read_only = True
    assert connection.execute("SELECT").fetchone() == ("db-2",)
    connection.read_only = False
    assert connection.execute("SELECT").fetchone() == ("db-1",)


def test_an_asyncio_connection_refuses_a_blocking_plugin(network: FakeNetwork, cluster: FakeCluster) -> None:
    with pytest.raises(AwsWrapperError, match="Blocker is a BlockingPlugin, which cannot serve an asyncio connection"):
        asyncio.run(aconnect(network, cluster.writer_endpoint, ["failover", Blocker]))
    assert network.attempts == []


class OtherHost(Plugin):
    """Connects to the second host, whatever it is asked for; hears of errors."""

    code = "other_host"

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        name = "db-2" + host.host[host.host.index(".") :].replace("cluster-", "")
        return await proceed(HostInfo(name, host.port, host.role))

    async def on_error(self, failure: Failure) -> None:
        assert (failure.kind, failure.superseded) == (ErrorKind.NETWORK, False)
        await self.session.switch(await self.session.open(self.session.host, below=self), "another one")


def test_a_plugin_may_choose_the_host_and_replace_the_connection(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, [OtherHost])
        assert await flavour.execute(session, "SELECT") == "db-2"
        cluster[2].drop()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")
        assert await flavour.execute(session, "SELECT") == "db-2"

    flavour.run(scenario())


class Forgetful(Plugin):
    """Has no `return` where one belongs."""

    code = "forgetful"

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:  # type: ignore[return]
        await proceed(host)


def test_a_connect_that_returns_nothing_is_told(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        with pytest.raises(AwsWrapperError, match="connect of one of Forgetful has returned None: return what 'await"):
            await flavour.connected(network, cluster.writer_endpoint, [Forgetful])

    flavour.run(scenario())
