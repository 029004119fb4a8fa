"""With which credentials connections to MySQL open again; the servers are sockets that follow a script."""

from __future__ import annotations

import asyncio
import socket
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.plugin import CredentialsRequest, DatabaseCredentials, Plugin, SignIn
from support.mysql_server import Client, MysqlServer
from support.mysql_tokens import TOKEN, WAYS, TokenServer, Way, write_authorities
from support.playing_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings

NEW = TOKEN.replace("q%2F", "r%2F")


class Given(NamedTuple):
    """Credentials."""

    user: str | None
    password: str


class Source:
    """Gives credentials for whatever host."""

    def __init__(self, given: Given | None) -> None:
        self._given = given

    async def credentials(self, address: tuple[str, int], *, needed: bool) -> Given | None:
        del address, needed
        return self._given


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(request.param, write_authorities(tmp_path))


@pytest.fixture
def token_server() -> TokenServer:
    return TokenServer(offers_tls=True)


@pytest.fixture
def server(token_server: TokenServer) -> Iterator[Server]:
    with serving(token_server) as at:
        yield at


def reconnect(way: Way, raw: Any) -> Any:
    if way.name == "aiomysql":
        raw.close()
        return raw.ping()
    return raw.reconnect()


def test_a_connection_opens_again_with_credentials_that_are_good_by_then(
    way: Way, token_server: TokenServer, server: Server
) -> None:
    def use(raw: Any) -> Any:
        token_server.password = NEW.encode()
        way.adapter.reopen_with(raw, Source(Given(None, NEW)))
        return reconnect(way, raw)

    way.play(server.port, use)
    assert [NEW.encode() in told for told in token_server.told] == [False, True]
    assert b"jane\0" in token_server.clients[1].heard[1]


def test_another_user_may_be_given_then(way: Way, token_server: TokenServer, server: Server) -> None:
    def use(raw: Any) -> Any:
        way.adapter.reopen_with(raw, Source(Given("jane_clone", TOKEN)))
        return reconnect(way, raw)

    way.play(server.port, use)
    assert b"jane_clone\0" in token_server.clients[1].heard[1]


def test_without_any_it_opens_with_those_it_had(way: Way, token_server: TokenServer, server: Server) -> None:
    def use(raw: Any) -> Any:
        way.adapter.reopen_with(raw, Source(None))
        return reconnect(way, raw)

    way.play(server.port, use)
    assert len(token_server.told) == 2


class Tokens(SignIn):
    """Gives the token of the hour."""

    sends_token = True
    key = "tokens"
    of_the_hour = TOKEN

    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        del request
        return DatabaseCredentials(None, self.of_the_hour)

    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials | None:
        del settings, host
        return DatabaseCredentials(None, self.of_the_hour)


class SignsIn(Plugin):
    """Has a program's connections sign in with tokens."""

    code = "signs_in"

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn | None:
        del settings, adapter
        return Tokens()


def test_a_program_that_connects_again_signs_in_again(
    way: Way, token_server: TokenServer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {**way.given(), "port": server.port, "plugins": [SignsIn]}

    def an_hour_later() -> None:
        monkeypatch.setattr(Tokens, "of_the_hour", NEW)
        token_server.password = NEW.encode()
        token_server.clients[0].connection.shutdown(socket.SHUT_RDWR)

    async def play() -> None:
        connection: Any = await AsyncAwsWrapperConnection.connect(way.module.connect, **arguments)
        an_hour_later()
        await (connection.ping() if way.name == "aiomysql" else connection.reconnect())
        await connection.close()

    if way.is_asyncio:
        asyncio.run(play())
    else:
        connection: Any = AwsWrapperConnection.connect(way.module.connect, **arguments)
        an_hour_later()
        connection.ping(reconnect=True)
        connection.close()
    assert [NEW.encode() in told for told in token_server.told] == [False, True]


class PasswordServer(MysqlServer):
    """Lets in who knows the password of the day, and ends its connections when told so."""

    def answer_pings(self, client: Client) -> None:
        while client.hear()[0] != 1:
            client.say(b"\0\0\0\2\0\0\0")


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
def test_a_pool_of_the_drivers_own_opens_connections_again_with_the_password_given_last(
    name: str, tmp_path: Path
) -> None:
    way = Way(name, write_authorities(tmp_path))
    if name == "mysql-c" and way.module.__version_info__[:2] < (9, 4):
        pytest.skip("in its pools, this C extension lets no other thread run, and so no server in this process")
    password_server = PasswordServer()
    pool = {"pool_name": f"pool-{uuid.uuid4().hex[:8]}", "pool_size": 1, "user": "app", "ssl_disabled": True}
    with serving(password_server) as server:
        for password in ("secret", "changed"):
            password_server.password = password.encode()
            arguments = way.adapter.arguments(way.plain_settings(password=password, **pool), "127.0.0.1", server.port)
            raw = run(way.adapter.open(BlockingIo(), arguments))
            run(way.adapter.leave(BlockingIo(), raw))
            password_server.clients[-1].connection.shutdown(socket.SHUT_RDWR)
    assert len(password_server.clients) == 2


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
def test_a_pool_of_the_drivers_own_is_one_users(name: str, tmp_path: Path) -> None:
    way = Way(name, write_authorities(tmp_path))

    def pool_of(user: str) -> Any:
        settings = way.plain_settings(pool_name="mine", user=user)
        return way.adapter.arguments(settings, "127.0.0.1", 3306)["pool_name"]

    assert pool_of("jane") == pool_of("jane") != pool_of("john")
