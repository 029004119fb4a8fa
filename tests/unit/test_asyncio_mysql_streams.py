"""The streams of MySQL's asyncio drivers end with their connections, whatever becomes of these; no real server."""

from __future__ import annotations

import asyncio
import select
import ssl
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import aiomysql
import pytest
import trustme
from mysql.connector import aio

from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from support.mysql_server import OK, QUIT, Client, MysqlServer
from support.playing_server import serving
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from support.playing_server import Server

AUTHORITY = trustme.CA()
REFUSED = b"\xff\x28\x04#42000refused"


class Clerk(MysqlServer):
    """Says yes to everything but `refuse`, nothing to `sleep`, and never farewell."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.left: list[Client] = []

    def answer_pings(self, client: Client) -> None:
        with suppress(ConnectionError):
            while (heard := client.hear()) != QUIT:
                if b"sleep" not in heard:
                    client.say(REFUSED if b"refuse" in heard else OK)
        eventually(lambda: has_gone(client))
        self.left.append(client)


def has_gone(client: Client) -> bool:
    """Tell whether the client has closed its socket; what TLS has to say of an end is not enough."""
    number = client.connection.fileno()
    if number < 0:  # the test is over
        return True
    poll = select.poll()
    poll.register(number, select.POLLRDHUP)
    return bool(poll.poll(0))


def tls_of_server() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


def tls_of_client() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@pytest.fixture(params=["plain", "TLS"])
def clerk(request: pytest.FixtureRequest) -> Clerk:
    return Clerk(password=b"", tls=tls_of_server() if request.param == "TLS" else None)


@pytest.fixture
def server(clerk: Clerk) -> Iterator[Server]:
    with serving(clerk) as listening:
        yield listening


@pytest.fixture(params=[aio.connect, aiomysql.connect], ids=["connector", "aiomysql"])
def opening(request: pytest.FixtureRequest, clerk: Clerk, server: Server) -> Any:
    """Return a function that opens a connection, with the driver's own arguments beside those it needs."""
    options: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "app", "password": ""}
    if request.param is aiomysql.connect:
        options |= {"ssl": tls_of_client() if clerk.tls else None}
    else:
        options |= {"ssl_disabled": not clerk.tls}
    return partial(AsyncAwsWrapperConnection.connect, request.param, plugins="none", **options)


async def gone(clerk: Clerk, number: int = 1) -> None:
    for _ in range(3):  # the loop goes round, as it does where it ends
        await asyncio.sleep(0)
    eventually(lambda: len(clerk.left) == number)


def test_a_login_whose_first_statements_fail_leaves_no_stream(opening: Any, clerk: Clerk) -> None:
    async def scenario() -> None:
        with pytest.raises(Exception, match="refused") as raised:
            await opening(init_command="refuse")
        await gone(clerk)
        del raised  # whoever keeps an error keeps the driver's objects with it

    asyncio.run(scenario())


def test_a_connection_that_is_closed_leaves_no_stream(opening: Any, clerk: Clerk) -> None:
    async def scenario() -> None:
        connection = await opening()
        await connection.close()
        await gone(clerk)
        assert clerk.clients[0].heard[-1] == QUIT

    asyncio.run(scenario())


def test_a_connection_that_nobody_closes_leaves_no_stream(opening: Any, clerk: Clerk) -> None:
    async def scenario() -> None:
        connection = await opening()
        with pytest.warns(ResourceWarning, match="Unclosed connection"):
            del connection
        await gone(clerk)

    asyncio.run(scenario())


async def cancelled(coroutine: Coroutine[Any, Any, Any], rounds: int) -> None:
    """Cancel a task when the loop has gone round so often."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_farewell_that_is_cancelled_leaves_no_stream(opening: Any, clerk: Clerk) -> None:
    async def scenario() -> None:
        for number in range(1, 6):
            connection = await opening()
            await cancelled(connection.close(), number)
            await gone(clerk, number)
            del connection

    asyncio.run(scenario())


def test_a_connection_that_is_opened_again_leaves_no_stream(opening: Any, clerk: Clerk) -> None:
    async def scenario() -> None:
        connection = await opening()
        raw = connection.target_connection
        await (raw.connect if hasattr(raw, "connect") else raw._connect)()
        await gone(clerk)
        await connection.close()
        await gone(clerk, 2)

    asyncio.run(scenario())


def test_a_class_of_the_programs_own_opens_connections() -> None:
    class Connection(aio.MySQLConnection):
        """The program's own."""

    async def scenario(port: int) -> None:
        connection = await AsyncAwsWrapperConnection.connect(
            Connection, plugins="none", host="127.0.0.1", port=port, user="app", password="", ssl_disabled=True
        )
        assert issubclass(connection.__class__, Connection)
        await connection.close()

    with serving(Clerk(password=b"")) as server:
        asyncio.run(scenario(server.port))
