"""Whose credentials a connection that opens at another host tells that host; the servers follow a script."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.plugin import (
    CredentialsRequest,
    DatabaseCredentials,
    HostInfo,
    Plugin,
    SignIn,
    SignInError,
)
from support.mysql_tokens import TOKEN, WAYS, TokenServer, Way, write_authorities
from support.playing_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings


def token_of(port: int) -> str:
    return TOKEN.replace("3306", str(port))


class Tokens(SignIn):
    """Gives a token for a host and port, if there is one."""

    sends_token = True
    key = "tokens"

    def __init__(self, known: set[int], asked: list[int]) -> None:
        self._known, self._asked = known, asked

    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        self._asked.append(request.host.port)
        if request.host.port not in self._known:
            raise SignInError(f"there is no token for {request.host.address}")
        return DatabaseCredentials(None, token_of(request.host.port))

    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials | None:
        del settings, host
        return None


class Hosts:
    """Two servers, each of which lets in who has its own token."""

    def __init__(self, servers: list[TokenServer], ports: list[int]) -> None:
        self.servers, self.ports = servers, ports
        self.known, self.asked = set(ports), list[int]()

    def told(self, host: int) -> list[int]:
        """Return for which ports the tokens were that a server was told."""
        return [port for heard in self.servers[host].told for port in self.ports if token_of(port).encode() in heard]

    def knows_user(self, host: int, user: str) -> bool:
        """Return whether the first client of a server has named this user."""
        return any(user.encode() + b"\0" in packet for packet in self.servers[host].clients[0].heard)

    def plugin(self, leads_to: int | None = None) -> type[Plugin]:
        hosts = self

        class SignsIn(Plugin):
            """Signs in with tokens, and may know where a connection belongs that opens again."""

            code = "signs_in"

            @classmethod
            def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn | None:
                del settings, adapter
                return Tokens(hosts.known, hosts.asked)

            async def on_reopen(self) -> HostInfo | None:
                return None if leads_to is None else HostInfo("127.0.0.1", hosts.ports[leads_to], HostRole.UNKNOWN)

        return SignsIn


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    servers = [TokenServer(offers_tls=True), TokenServer(offers_tls=True)]
    with ExitStack() as running:
        ports = [running.enter_context(serving(server)).port for server in servers]
        for server, port in zip(servers, ports, strict=True):
            server.password = token_of(port).encode()
        yield Hosts(servers, ports)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(request.param, write_authorities(tmp_path))


@pytest.fixture(params=["mysql-c", "mysql-pure"])
def connection(request: pytest.FixtureRequest, tmp_path: Path, hosts: Hosts) -> Iterator[Any]:
    way = Way(request.param, write_authorities(tmp_path))
    opened: Any = AwsWrapperConnection.connect(
        way.module.connect, **way.given(), port=hosts.ports[0], plugins=[hosts.plugin()]
    )
    yield opened
    opened.close()


def test_a_host_that_the_program_names_is_told_its_own_token(connection: Any, hosts: Hosts) -> None:
    connection.connect(port=hosts.ports[1])
    connection.config(port=hosts.ports[0])
    connection.reconnect()
    assert (hosts.told(0), hosts.told(1)) == ([hosts.ports[0]] * 2, [hosts.ports[1]])


def test_what_the_program_gives_itself_is_left_alone(connection: Any, hosts: Hosts) -> None:
    hosts.known.clear()
    connection.connect(port=hosts.ports[1], password=token_of(hosts.ports[1]), user="john")
    assert hosts.told(1) == [hosts.ports[1]]
    assert hosts.knows_user(1, "john")
    assert hosts.asked == [hosts.ports[0]]


def test_another_user_that_the_program_names_stays(connection: Any, hosts: Hosts) -> None:
    connection.connect(port=hosts.ports[1], user="john")
    assert hosts.told(1) == [hosts.ports[1]]
    assert hosts.knows_user(1, "john")


def test_without_a_token_of_its_own_a_host_is_told_none(connection: Any, hosts: Hosts) -> None:
    connection.connect(port=hosts.ports[1])
    hosts.known.clear()
    with pytest.raises(connection._session.adapter.errors.Error, match=rf"no token for .*{hosts.ports[0]}"):
        connection.connect(port=hosts.ports[0])
    assert hosts.told(0) == [hosts.ports[0]]


def test_nor_is_one_to_which_a_plugin_leads(way: Way, hosts: Hosts) -> None:
    hosts.known.remove(hosts.ports[1])
    given = {**way.given(), "port": hosts.ports[0], "plugins": [hosts.plugin(leads_to=1)]}

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

    with pytest.raises(way.adapter.errors.Error, match=rf"no token for .*{hosts.ports[1]}"):
        asyncio.run(in_loop()) if way.is_asyncio else in_thread()
    assert hosts.servers[1].told == []


def test_where_there_is_none_the_same_host_is_told_the_last_one(connection: Any, hosts: Hosts) -> None:
    hosts.known.clear()
    connection.reconnect()
    assert hosts.told(0) == [hosts.ports[0]] * 2
