"""A connection that is closed is not opened again by the driver's methods; the servers follow a script."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager, ConnectionProviderManager
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from support.mysql_sessions import MysqlSessions
from support.mysql_tokens import WAYS, Way
from support.playing_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED = "was closed.*open a new one"


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(request.param, {True: tmp_path, False: tmp_path})


@pytest.fixture
def internal_pool(way: Way) -> Iterator[None]:
    manager: Any = AsyncConnectionProviderManager if way.is_asyncio else ConnectionProviderManager
    provider: Any = AsyncPooledConnectionProvider if way.is_asyncio else SqlAlchemyPooledConnectionProvider
    manager.set_connection_provider(provider(accept_url_func=lambda _host, _props: True))
    yield
    if not way.is_asyncio:
        manager.release_resources()
    manager.reset_provider()


def arguments(way: Way, port: int, **options: Any) -> dict[str, Any]:
    own: dict[str, Any] = {} if way.name == "aiomysql" else {"ssl_disabled": True}
    if not way.is_asyncio:
        own["use_pure"] = way.name == "mysql-pure"
    return {"host": "127.0.0.1", "port": port, "user": "app", "password": "secret", "plugins": "none", **own, **options}


def end_and_open_again(way: Way, end: str) -> int:
    """Return how many times a server was connected to by a connection that has ended so, and is opened again then."""

    async def in_loop(port: int) -> None:
        connection: Any = await AsyncAwsWrapperConnection.connect(way.module.connect, **arguments(way, port))
        await (connection._session.give_up() if end == "failed failover" else getattr(connection, end)())
        try:
            await (connection.ping() if way.name == "aiomysql" else connection.reconnect())
            await connection.close()
        finally:
            AsyncConnectionProviderManager.release_resources()  # of this loop
            await asyncio.sleep(0)

    def in_thread(port: int) -> None:
        connection: Any = AwsWrapperConnection.connect(way.module.connect, **arguments(way, port))
        connection.invalidate() if end == "failed failover" else getattr(connection, end)()
        connection.ping(reconnect=True)
        connection.close()

    with serving(MysqlSessions()) as server:
        try:
            asyncio.run(in_loop(server.port)) if way.is_asyncio else in_thread(server.port)
        finally:
            came = server.connections
    return came


@pytest.mark.parametrize("end", ["close", "failed failover"])
def test_what_is_closed_stays_closed(way: Way, end: str) -> None:
    with pytest.raises(way.adapter.errors.InterfaceError, match=REFUSED):
        end_and_open_again(way, end)


@pytest.mark.usefixtures("internal_pool")
def test_so_does_what_an_internal_pool_has_back(way: Way) -> None:
    with pytest.raises(way.adapter.errors.InterfaceError, match=REFUSED):
        end_and_open_again(way, "close")


def test_what_the_driver_alone_has_disconnected_opens_again(way: Way) -> None:
    if way.name == "aiomysql":
        pytest.skip("this driver has no such method")
    assert end_and_open_again(way, "disconnect") == 2


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
def test_a_pool_of_the_drivers_own_opens_what_it_has_back(name: str) -> None:
    way = Way(name, {})
    if name == "mysql-c" and way.module.__version_info__[:2] < (9, 4):
        pytest.skip("in its pools, this C extension lets no other thread run, and so no server in this process")
    servers = MysqlSessions()
    with serving(servers) as server:
        given = arguments(way, server.port, pool_name=f"pool-{uuid.uuid4().hex[:8]}", pool_size=1)
        first: Any = AwsWrapperConnection.connect(way.module.connect, **given)
        first.close()
        servers.clients[0].connection.close()
        second: Any = AwsWrapperConnection.connect(way.module.connect, **given)
        second.cursor().execute("SET x=1")
        second.close()
    assert len(servers.clients) == 2
