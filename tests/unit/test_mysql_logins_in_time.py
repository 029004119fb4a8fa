"""Connecting to a MySQL server that stops, or hardly goes on, at any step of the login; servers are sockets."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, QueryTimeoutError
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.properties import Settings
from support.mysql_server import OK, Client, MysqlServer, greeting, packet
from support.mysql_tokens import MONITORS, WAYS, Way
from support.playing_server import serving
from support.waiting import eventually

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 1  # s; the shortest that the drivers take
MUCH_LATER = 15.0  # s
MOST_STATEMENTS = 2  # after the login, of those that all drivers send


class Stopping:
    """Stops at a step, and notes when a client has gone."""

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        self._script = script
        self.come, self.gone = 0, 0

    def __call__(self, connection: socket.socket) -> None:
        self.come += 1
        try:
            self._script(connection)
            while connection.recv(10_000):
                pass
        except OSError:
            pass
        self.gone += 1


def says_nothing(connection: socket.socket) -> None:
    del connection


def greets(connection: socket.socket, *, tls: bool = False) -> None:
    connection.sendall(packet(0, greeting("caching_sha2_password", tls=tls)))


def greets_byte_by_byte(connection: socket.socket) -> None:
    while True:
        for byte in packet(0, b"\x0a" + b"9" * 10_000):
            connection.sendall(bytes([byte]))
            time.sleep(LIMIT / 20)  # how slowly it speaks


def lets_in(connection: socket.socket, statements: int) -> None:
    client = Client(connection)
    MysqlServer().let_in(client)
    for _ in range(statements):
        client.hear()
        client.say(OK)


def answers_everything(connection: socket.socket) -> None:
    lets_in(connection, statements=1_000_000)


STEPS: dict[str, Callable[[socket.socket], None]] = {
    "nothing": says_nothing,
    "the greeting": greets,
    "the greeting, and no TLS": functools.partial(greets, tls=True),
    "a byte now and then": greets_byte_by_byte,
    **{f"login and {n} statements": functools.partial(lets_in, statements=n) for n in range(MOST_STATEMENTS)},
}


@pytest.fixture(params=[*WAYS, *MONITORS])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    return Way(request.param, {True: tmp_path, False: tmp_path})


def open_in(way: Way, port: int, adapter: Any, **options: Any) -> Any:
    """Open a connection as the way does, which is to fail."""
    io: Any = AsyncioIo() if way.is_asyncio and adapter is way.adapter else BlockingIo()
    given = {"host": "127.0.0.1", "user": "app", "password": "secret", "connect_timeout": LIMIT, "sql_mode": "ANSI"}
    given.update(options)
    if not way.is_asyncio:
        given["use_pure"] = way.name == "mysql-pure"
    settings = Settings.from_arguments(None, given, way.adapter.parameters, way.adapter.typed_parameters)
    opening = adapter.open(io, adapter.arguments(settings, "127.0.0.1", port))
    return run(opening) if isinstance(io, BlockingIo) else asyncio.run(opening)


def assert_ends_in_time(way: Way, step: str, adapter: Any, **options: Any) -> None:
    server = Stopping(STEPS[step])
    with serving(server) as listening:
        began = time.monotonic()
        with pytest.raises(adapter.failures, match=r"timed out.*connect_timeout") as raised:
            open_in(way, listening.port, adapter, **options)
        assert LIMIT / 2 < time.monotonic() - began < MUCH_LATER
        assert f"127.0.0.1:{listening.port}" in str(raised.value)
        assert "secret" not in repr(raised.value)
        assert adapter.classify(raised.value) is ErrorKind.NETWORK
        eventually(lambda: server.gone == server.come > 0)


def test_the_limit_for_connecting_holds_for_the_login_and_what_follows(way: Way) -> None:
    adapter = way.adapter.blocking() if way.name.startswith("monitor") else way.adapter
    with ThreadPoolExecutor(len(STEPS)) as threads:
        for ending in [threads.submit(assert_ends_in_time, way, step, adapter) for step in STEPS]:
            ending.result()


@pytest.mark.parametrize("step", ["the greeting", "login and 1 statements"])
@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
def test_it_holds_where_a_pool_of_the_drivers_own_connects(name: str, step: str) -> None:
    way = Way(name, {})
    assert_ends_in_time(way, step, way.adapter, pool_name=f"pool-{uuid.uuid4().hex}", pool_size=2)


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
def test_it_holds_where_a_function_of_the_programs_connects(name: str) -> None:
    way = Way(name, {})

    def connect_for_the_program(**arguments: Any) -> Any:
        return way.module.connect(**arguments)

    assert_ends_in_time(way, "the greeting", type(way.adapter)(connect_for_the_program))


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
def test_a_connection_that_opens_again_is_given_up_at_its_socket_timeout(name: str) -> None:
    way, given = Way(name, {}), {"host": "127.0.0.1", "user": "app", "password": "secret", "plugins": "none"}
    silent = Stopping(greets)
    with serving(answers_everything, silent) as server:
        arguments = {**given, "port": server.port, "use_pure": name == "mysql-pure", "connect_timeout": 600}
        connection = AwsWrapperConnection.connect(way.module.connect, **arguments, socket_timeout=LIMIT)
        with pytest.raises(QueryTimeoutError):
            connection.reconnect()
        eventually(lambda: silent.gone == 1)
        connection.close()
