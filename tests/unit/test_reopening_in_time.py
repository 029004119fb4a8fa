"""How long a connection may take to open again; a plugin searches for its host, and the servers follow a script."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverFailedError, QueryTimeoutError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.plugin import HostInfo, Plugin
from support.mysql_server import Client, MysqlServer
from support.mysql_sessions import MysqlSessions
from support.mysql_tokens import WAYS, Way
from support.playing_server import serving, silent

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 1  # s; the shortest that the drivers take
LONGER = 1.5 * LIMIT  # s
ENOUGH = 2 * LIMIT  # s; for a login


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(request.param, {True: tmp_path, False: tmp_path})


def searching(seconds: float, find: Callable[[Plugin], HostInfo]) -> type[Plugin]:
    class Searching(Plugin):
        """Takes its time to find the host for a connection that opens again."""

        code = "searching"

        async def on_reopen(self) -> HostInfo:
            await self.session.io.sleep(seconds)
            return find(self)

    return Searching


def open_again(way: Way, *scripts: Callable[[socket.socket], None], **options: Any) -> None:
    """Connect to the first server, lose the connection and open it again; raises what the driver raises."""
    with serving(*scripts) as server:
        given = {"host": "127.0.0.1", "user": "app", "password": "secret", "port": server.port, **options}
        if way.name != "aiomysql":
            given["ssl_disabled"] = True
        if not way.is_asyncio:
            given["use_pure"] = way.name == "mysql-pure"

        async def in_loop() -> None:
            connection: Any = await AsyncAwsWrapperConnection.connect(way.module.connect, **given)
            connection.target_connection.drop()
            try:
                await (connection.ping() if way.name == "aiomysql" else connection.reconnect())
            finally:
                await connection.close()

        def in_thread() -> None:
            connection: Any = AwsWrapperConnection.connect(way.module.connect, **given)
            try:
                connection.reconnect()
            finally:
                connection.close()

        asyncio.run(in_loop()) if way.is_asyncio else in_thread()


def test_a_search_for_the_host_is_not_cut_short_by_the_socket_timeout(way: Way) -> None:
    def give_up(plugin: Plugin) -> HostInfo:
        raise plugin.session.adapter.error(FailoverFailedError, "there is no host")

    with pytest.raises(way.adapter.failures, match="there is no host") as raised:
        open_again(way, MysqlSessions(), socket_timeout=LIMIT, plugins=[searching(LONGER, give_up)])
    assert not isinstance(raised.value, QueryTimeoutError)


def test_the_socket_timeout_counts_where_the_host_that_was_found_is_silent(way: Way) -> None:
    with serving(silent) as other:

        def find(_plugin: Plugin) -> HostInfo:
            return HostInfo("127.0.0.1", other.port, HostRole.UNKNOWN)

        options = {"socket_timeout": LIMIT, "connect_timeout": 600, "plugins": [searching(LONGER, find)]}
        with pytest.raises(QueryTimeoutError):
            open_again(way, MysqlSessions(), **options)


@pytest.mark.parametrize("admits", [False, True], ids=["at the login", "after the login"])
def test_where_the_host_is_silent_the_limit_for_connecting_counts(way: Way, admits: bool) -> None:
    def hears_only(connection: socket.socket) -> None:
        if admits:
            MysqlServer().let_in(Client(connection))
        while connection.recv(10_000):
            pass

    with serving(hears_only) as other:

        def find(_plugin: Plugin) -> HostInfo:
            return HostInfo("127.0.0.1", other.port, HostRole.UNKNOWN)

        with pytest.raises(way.adapter.failures, match=r"timed out.*connect_timeout") as raised:
            open_again(way, MysqlSessions(), connect_timeout=ENOUGH, plugins=[searching(0, find)])
        assert f"127.0.0.1:{other.port}" in str(raised.value)
        assert way.adapter.classify(raised.value) is ErrorKind.NETWORK


def test_a_search_for_the_host_may_take_longer_than_the_limit_for_connecting(way: Way) -> None:
    found = MysqlSessions()
    with serving(found) as other:

        def find(_plugin: Plugin) -> HostInfo:
            return HostInfo("127.0.0.1", other.port, HostRole.UNKNOWN)

        open_again(way, MysqlSessions(), connect_timeout=ENOUGH, plugins=[searching(1.2 * ENOUGH, find)])
    assert len(found.clients) == 1
