"""The proxy in front of a server on a Unix socket."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.proxied import HELLO, EchoServer, connect, echo, proxied, run, silent, until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


def test_bytes_and_ends_pass(path: Path) -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve, path=path) as proxy:
            streams = await connect(proxy)
            assert await echo(streams) == HELLO
            streams[1].close()
            await until(lambda: server.ends == ["eof"])

    run(test)


def test_a_socket_that_nobody_listens_at_resets_the_client(path: Path) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve, path=path) as proxy:
            with closing(socket.socket(socket.AF_UNIX)) as abandoned:
                abandoned.bind(str(path.with_name("abandoned")))
            for target in (path.with_name("abandoned"), path.with_name("never made")):
                proxy.target = target
                reader, writer = await connect(proxy)
                writer.write(HELLO)
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(reader.read(), 5)
                writer.close()

    run(test)


def test_clients_wait_while_a_frozen_server_accepts_nobody(path: Path) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve, path=path) as proxy:
            with closing(socket.socket(socket.AF_UNIX)) as frozen:
                proxy.target = path.with_name("frozen")
                frozen.bind(str(proxy.target))
                frozen.listen(0)
                clients = [await connect(proxy) for _ in range(4)]
                for reader, writer in clients:
                    writer.write(HELLO)
                    assert await silent(reader, 0.05)
                frozen.setblocking(False)
                for _ in clients:
                    accepted, _address = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(frozen), 5)
                    with accepted:
                        assert await asyncio.get_running_loop().sock_recv(accepted, 5) == HELLO
                for _reader, writer in clients:
                    writer.close()

    run(test)


def test_a_client_that_waits_for_a_frozen_server_can_be_reset(path: Path) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve, path=path) as proxy:
            with closing(socket.socket(socket.AF_UNIX)) as frozen:
                proxy.target = path.with_name("frozen")
                frozen.bind(str(proxy.target))
                frozen.listen(0)
                clients = [await connect(proxy) for _ in range(3)]
                assert await silent(clients[-1][0], 0.05)
                proxy.reset()
                for reader, _writer in clients:
                    with pytest.raises(ConnectionResetError):
                        await asyncio.wait_for(reader.read(), 5)

    run(test)
