"""A program's own plugin names the host for a connection that opens again; the servers follow a script."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.plugin import BlockingPlugin, HostInfo, Opened, Plugin
from support.mysql_sessions import MysqlSessions
from support.mysql_tokens import WAYS, Way, write_authorities
from support.playing_server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(request.param, write_authorities(tmp_path))


@pytest.fixture
def servers() -> list[MysqlSessions]:
    return [MysqlSessions(), MysqlSessions()]


@pytest.fixture
def ports(servers: list[MysqlSessions]) -> Iterator[list[int]]:
    with ExitStack() as running:
        yield [running.enter_context(serving(server)).port for server in servers]


class Seen:
    """Notes where the session is connected."""

    def __init__(self) -> None:
        self.ports: list[int] = []

    def plugin(self, base: Any, port: int) -> type[Any]:
        def on_reopen(self: Any) -> HostInfo:  # noqa: ARG001 - a method of the class made here
            return HostInfo("127.0.0.1", port, HostRole.UNKNOWN)

        async def on_reopen_awaited(self: Any) -> HostInfo:
            return on_reopen(self)

        def connected(_plugin: Any, opened: Opened) -> None:
            self.ports.append(opened.host.port)

        hook = on_reopen if base is BlockingPlugin else on_reopen_awaited
        return type("Elsewhere", (base,), {"code": "elsewhere", "on_reopen": hook, "connected": connected})


def play(way: Way, servers: list[MysqlSessions], port: int, plugin: type[Any], use: Callable[[Any], Any]) -> None:
    """Connect to the first server, lose the connection, and do something with it."""
    arguments: dict[str, Any] = {**way.given(), "port": port, "user": "app", "password": "secret"}
    arguments["plugins"] = [plugin]
    if way.name == "aiomysql":
        arguments.pop("ssl")
    else:
        arguments["ssl_disabled"] = True

    async def in_loop() -> None:
        connection: Any = await AsyncAwsWrapperConnection.connect(way.module.connect, **arguments)
        servers[0].clients[0].connection.shutdown(socket.SHUT_RDWR)
        await use(connection)
        await connection.close()

    if way.is_asyncio:
        asyncio.run(in_loop())
        return
    connection: Any = AwsWrapperConnection.connect(way.module.connect, **arguments)
    servers[0].clients[0].connection.shutdown(socket.SHUT_RDWR)
    use(connection)
    connection.close()


@pytest.mark.parametrize("base", [Plugin, BlockingPlugin])
def test_it_opens_at_the_host_that_a_plugin_names_and_the_plugin_hears_of_it(
    way: Way, servers: list[MysqlSessions], ports: list[int], base: Any
) -> None:
    if way.is_asyncio and base is BlockingPlugin:
        pytest.skip("asyncio connections take no such plugin")
    seen = Seen()
    play(way, servers, ports[0], seen.plugin(base, ports[1]), lambda connection: connection.ping(reconnect=True))
    assert seen.ports == ports
    assert [len(server.clients) for server in servers] == [1, 1]


def test_a_host_that_the_program_names_comes_first(way: Way, servers: list[MysqlSessions], ports: list[int]) -> None:
    if way.is_asyncio:
        pytest.skip("these drivers' connect takes nothing")
    seen = Seen()
    plugin = seen.plugin(Plugin, ports[1])
    play(way, servers, ports[0], plugin, lambda connection: connection.connect(host="127.0.0.1"))
    assert seen.ports == [ports[0], ports[0]]
