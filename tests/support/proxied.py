"""What the tests of the proxy share: servers behind it, clients before it, and TLS for both."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.postgresql.dialogue import PostgresqlDialogue
from aws_advanced_python_wrapper.local.proxy.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from aws_advanced_python_wrapper.local.proxy.dialogue import Speaks

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HELLO = b"hello"


class EchoServer:
    """Echoes every byte; `ends` collects how its connections ended."""

    def __init__(self) -> None:
        self.received = b""
        self.ends: list[str] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while data := await reader.read(65536):
                self.received += data
                writer.write(data)
                await writer.drain()
            self.ends.append("eof")
        except ConnectionResetError:
            self.ends.append("reset")
        finally:
            writer.close()


@asynccontextmanager
async def proxied(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    speaks: Speaks = PostgresqlDialogue,
    path: Path | None = None,
) -> AsyncIterator[Proxy]:
    """Have a server, at a free port or a Unix socket, and a proxy in front of it."""
    before = asyncio.all_tasks()
    if path is None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
    else:
        server = await asyncio.start_unix_server(serve, path)
    proxy = Proxy("one", "127.0.0.1", 0, path or server.sockets[0].getsockname(), tls, speaks)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()
        await until(lambda: asyncio.all_tasks() == before)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.001)


async def connect(proxy: Proxy) -> Streams:
    return await asyncio.open_connection(proxy.address, proxy.port)


async def echo(streams: Streams, data: bytes = HELLO) -> bytes:
    reader, writer = streams
    writer.write(data)
    return await asyncio.wait_for(reader.readexactly(len(data)), 5)


async def silent(reader: asyncio.StreamReader, seconds: float = 0.15) -> bool:
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except asyncio.TimeoutError:
        return True
    return False


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


_WAITS = object()


def _unless_it_waits(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except ssl.SSLWantReadError:
        return _WAITS


class TlsClient:
    """A TLS client that asks first, as PostgreSQL's do; `start_tls` of streams is missing in Python 3.10."""

    def __init__(self, streams: Streams, ca_file: Path, host: str) -> None:
        self._reader, self._writer = streams
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(ca_file))
        context.set_alpn_protocols(["postgresql"])
        self.session = context.wrap_bio(self._in, self._out, server_hostname=host)

    async def _until_done(self, step: Callable[[], Any]) -> Any:
        while (result := _unless_it_waits(step)) is _WAITS:
            self._writer.write(self._out.read())
            if data := await asyncio.wait_for(self._reader.read(65536), 5):
                self._in.write(data)
            else:
                self._in.write_eof()
        self._writer.write(self._out.read())
        return result

    async def handshake(self) -> None:
        await self._until_done(self.session.do_handshake)

    async def send(self, data: bytes) -> None:
        await self._until_done(lambda: self.session.write(data))

    async def goodbye(self) -> None:
        """End in good order; returns when the other side has, too."""
        await self._until_done(self.session.unwrap)

    async def receive(self, size: int) -> bytes:
        """Return `size` bytes, or those before the server's goodbye; without one, SSLEOFError is raised."""
        data = b""
        while len(data) < size and (chunk := await self._until_done(lambda: self.session.read(65536))):
            data += chunk
        return data
