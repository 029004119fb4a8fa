"""The proxy between asyncio clients and small real TCP servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local.proxy.certificates import Authority
from aws_advanced_python_wrapper.local.proxy.proxy import Counters, Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path
    from typing import Any

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HELLO = b"hello"
SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)
CANCEL_REQUEST = struct.pack("!IIII", 16, 80877102, 7, 7)
STARTUP = struct.pack("!II", 41, 196608) + b"user\0admin\0database\0app\0\0".ljust(33, b"\0")
READY = b"Z\x00\x00\x00\x05I"
SHORT = 0.15


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
) -> AsyncIterator[Proxy]:
    before = asyncio.all_tasks()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy("one", "127.0.0.1", 0, server.sockets[0].getsockname(), tls)
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


async def silent(reader: asyncio.StreamReader, seconds: float = SHORT) -> bool:
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except asyncio.TimeoutError:
        return True
    return False


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def test_bytes_pass_both_ways_and_a_clean_end_reaches_the_server() -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve) as proxy:
            reader, writer = await connect(proxy)
            assert await echo((reader, writer)) == HELLO
            big = bytes(range(256)) * 20_000
            writer.write(big)
            assert await asyncio.wait_for(reader.readexactly(len(big)), 10) == big
            writer.close()
            await until(lambda: server.ends == ["eof"])
            await until(lambda: proxy.counters().current == 0)

    run(test)


def test_the_servers_end_and_its_last_words_reach_the_client() -> None:
    async def farewell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    async def test() -> None:
        async with proxied(farewell) as proxy:
            reader, writer = await connect(proxy)
            assert await asyncio.wait_for(reader.read(), 5) == b"bye"
            writer.close()

    run(test)


def test_small_packets_wait_for_nobody() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            streams = await connect(proxy)
            assert await echo(streams) == HELLO
            (link,) = proxy._links
            for side in (link.client, link._server):
                assert side.transport is not None
                connection = side.transport.get_extra_info("socket")
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            streams[1].close()

    run(test)


def test_a_servers_reset_reaches_the_client_as_a_reset() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER
        writer.transport.abort()

    async def test() -> None:
        async with proxied(slam) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 5)

    run(test)


def test_reset_cuts_both_sides_with_rst_and_leaves_the_listener() -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve) as proxy:
            streams = await connect(proxy)
            await echo(streams)
            proxy.reset()
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(streams[0].read(), 5)
            await until(lambda: server.ends == ["reset"])
            again = await connect(proxy)
            assert await echo(again) == HELLO
            again[1].close()

    run(test)


def test_refuse_turns_new_connections_away_and_keeps_the_old() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            old = await connect(proxy)
            await echo(old)
            port = proxy.port
            proxy.refuse()
            with pytest.raises(ConnectionRefusedError):
                await connect(proxy)
            assert await echo(old) == HELLO
            proxy.accept()
            assert proxy.port == port
            new = await connect(proxy)
            assert await echo(new) == HELLO
            old[1].close()
            new[1].close()

    run(test)


def test_a_dead_server_behind_the_proxy_resets_the_client() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            proxy.target = ("127.0.0.1", 1)
            reader, writer = await connect(proxy)
            writer.write(HELLO)
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 5)
            await until(lambda: proxy.counters().current == 0)

    run(test)


def test_blackhole_passes_nothing_closes_nothing_and_resume_delivers() -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve) as proxy:
            old = await connect(proxy)
            await echo(old)
            proxy.blackhole()
            new = await connect(proxy)
            for _reader, writer in (old, new):
                writer.write(b"into the dark")
            server.writers[0].write(b"shout")
            assert await silent(old[0])
            assert await silent(new[0])
            assert server.received == HELLO
            assert len(server.writers) == 1
            proxy.resume()
            assert await asyncio.wait_for(old[0].readexactly(18), 5) == b"shoutinto the dark"
            assert await asyncio.wait_for(new[0].readexactly(13), 5) == b"into the dark"
            old[1].close()
            new[1].close()

    run(test)


def test_in_a_blackhole_nobody_learns_of_the_others_end() -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve) as proxy:
            survivor, quitter = await connect(proxy), await connect(proxy)
            await echo(survivor)
            await echo(quitter)
            proxy.blackhole()
            server.writers[0].transport.abort()
            quitter[1].close()
            assert await silent(survivor[0])
            assert len(server.ends) == 1  # the aborted one's own
            proxy.resume()
            assert await asyncio.wait_for(survivor[0].read(), 5) == b""
            await until(lambda: len(server.ends) == 2)
            survivor[1].close()

    run(test)


def test_a_blackholed_connection_can_be_reset() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            streams = await connect(proxy)
            await echo(streams)
            proxy.blackhole()
            proxy.reset()
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(streams[0].read(), 5)
            await until(lambda: proxy.counters().current == 0)

    run(test)


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_delay_holds_every_byte_for_its_time_and_keeps_the_order(direction: str) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            streams = await connect(proxy)
            await echo(streams)
            proxy.delay(**{direction: 0.1})
            began = time.monotonic()
            for part in (b"he", b"ll", b"o"):
                streams[1].write(part)
                await asyncio.sleep(0.01)
            assert await asyncio.wait_for(streams[0].readexactly(5), 5) == HELLO
            assert time.monotonic() - began >= 0.12
            proxy.delay()
            assert await echo(streams) == HELLO
            streams[1].close()

    run(test)


def test_throttle_limits_the_rate_and_memory_stays_flat() -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve) as proxy:
            reader, writer = await connect(proxy)
            proxy.throttle(100_000)
            data = bytes(30_000)
            began = time.monotonic()
            assert await echo((reader, writer), data) == data
            assert time.monotonic() - began >= 0.25
            proxy.throttle(1)
            writer.write(bytes(64 * 1024 * 1024))
            await asyncio.sleep(SHORT)
            assert all(link._to_server._queued < 1024 * 1024 for link in proxy._links)
            proxy.restore()
            writer.transport.abort()

    run(test)


def test_a_client_that_does_not_read_stops_the_server() -> None:
    sent = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536
        except ConnectionError:
            pass

    async def test() -> None:
        nonlocal sent
        async with proxied(pour) as proxy:
            reader, writer = await connect(proxy)
            await reader.readexactly(1)
            still = -1
            while still != sent:
                still = sent
                await asyncio.sleep(0.1)
            await reader.readexactly(sent)
            await until(lambda: sent > still)
            writer.transport.abort()

    run(test)


def test_reset_after_cuts_in_the_middle_once() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            first, second = await connect(proxy), await connect(proxy)
            await echo(first)
            proxy.reset_after(7)
            assert await echo(first) == HELLO
            first[1].write(b"again")
            assert await asyncio.wait_for(first[0].readexactly(2), 5) == b"ag"
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(first[0].readexactly(1), 5)
            assert await echo(second, b"more than seven") == b"more than seven"
            second[1].close()

    run(test)


def test_restore_undoes_every_fault() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            proxy.delay(to_server=60, to_client=60)
            proxy.throttle(1)
            proxy.reset_after(1)
            proxy.blackhole()
            streams = await connect(proxy)
            streams[1].write(HELLO)
            proxy.refuse()
            proxy.restore()
            assert await asyncio.wait_for(streams[0].readexactly(5), 5) == HELLO
            other = await connect(proxy)
            assert await echo(other) == HELLO
            streams[1].close()
            other[1].close()

    run(test)


def test_counters_know_now_total_peak_and_logins() -> None:
    async def login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            for byte in READY:  # also when it arrives in pieces
                writer.write(bytes([byte]))
                await asyncio.sleep(0.001)
        await reader.read()
        writer.close()

    async def test() -> None:
        async with proxied(login) as proxy:
            several = [await connect(proxy) for _ in range(3)]
            await until(lambda: proxy.counters() == Counters(3, 3, 3, 3, 3))
            for _reader, writer in several[:2]:
                writer.write(b"x")
            await until(lambda: proxy.counters() == Counters(3, 3, 3, 1, 3))
            several[2][1].close()
            await until(lambda: proxy.counters() == Counters(2, 3, 3, 0, 3))
            proxy.reset_counters()
            assert proxy.counters() == Counters(2, 0, 2, 0, 0)
            assert "2 connections" in repr(proxy)
            for _reader, writer in several[:2]:
                writer.close()
            await until(lambda: proxy.counters().current == 0)

    run(test)


def test_a_client_that_comes_and_goes_without_a_word_leaves_nothing() -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve) as proxy:
            for _ in range(20):
                _reader, writer = await connect(proxy)
                writer.close()
            await until(lambda: proxy.counters().total == 20 and not proxy._links)

    run(test)


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_tls(authority: Authority) -> ssl.SSLContext:
    return authority.server_context(["one.example.com", "*.cluster-custom-x.example.com", "127.0.0.1"])


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

    async def receive(self, size: int) -> bytes:
        """Return `size` bytes, or those before the server's goodbye; without one, SSLEOFError is raised."""
        data = b""
        while len(data) < size and (chunk := await self._until_done(lambda: self.session.read(65536))):
            data += chunk
        return data


@pytest.mark.parametrize("host", ["one.example.com", "mine.cluster-custom-x.example.com", "127.0.0.1"])
def test_tls_is_ended_by_the_proxy_for_each_of_its_names(
    authority: Authority, server_tls: ssl.SSLContext, host: str
) -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve, server_tls) as proxy:
            streams = await connect(proxy)
            streams[1].write(GSS_REQUEST)
            assert await streams[0].readexactly(1) == b"N"
            streams[1].write(SSL_REQUEST)
            assert await streams[0].readexactly(1) == b"S"
            client = TlsClient(streams, authority.ca_file, host)
            await client.handshake()
            data = STARTUP + bytes(range(256)) * 4000
            await client.send(data)
            assert await client.receive(len(data)) == data
            assert server.received == data
            streams[1].close()
            await until(lambda: server.ends == ["eof"])

    run(test)


def test_tls_without_asking_first(authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve, server_tls) as proxy:
            streams = await connect(proxy)
            client = TlsClient(streams, authority.ca_file, "one.example.com")
            await client.handshake()
            assert client.session.selected_alpn_protocol() == "postgresql"
            await client.send(STARTUP)
            assert await client.receive(len(STARTUP)) == STARTUP
            streams[1].close()

    run(test)


def test_tls_says_goodbye_when_the_server_has_ended(authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def test() -> None:
        async with proxied(farewell, server_tls) as proxy:
            streams = await connect(proxy)
            client = TlsClient(streams, authority.ca_file, "one.example.com")
            await client.handshake()
            await client.send(STARTUP)
            assert await client.receive(1) == b""
            streams[1].close()

    run(test)


def test_a_wrong_name_fails_the_clients_verification(authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve, server_tls) as proxy:
            streams = await connect(proxy)
            client = TlsClient(streams, authority.ca_file, "two.example.com")
            with pytest.raises(ssl.SSLCertVerificationError):
                await client.handshake()
            streams[1].close()
            await until(lambda: not proxy._links)

    run(test)


def test_garbage_instead_of_a_handshake_closes_the_connection(server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve, server_tls) as proxy:
            reader, writer = await connect(proxy)
            writer.write(SSL_REQUEST)
            assert await reader.readexactly(1) == b"S"
            writer.write(b"this is not TLS at all")
            await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await until(lambda: not proxy._links)
            assert server.received == b""

    run(test)


def test_plain_bytes_smuggled_behind_the_request_are_refused(server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve, server_tls) as proxy:
            reader, writer = await connect(proxy)
            writer.write(SSL_REQUEST + STARTUP)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    run(test)


def test_the_handshake_feels_the_delay(authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve, server_tls) as proxy:
            proxy.delay(to_server=0.1)
            streams = await connect(proxy)
            began = time.monotonic()
            streams[1].write(SSL_REQUEST)
            assert await streams[0].readexactly(1) == b"S"
            assert time.monotonic() - began >= 0.09
            await TlsClient(streams, authority.ca_file, "one.example.com").handshake()
            assert time.monotonic() - began >= 0.18
            streams[1].close()

    run(test)


def test_without_a_certificate_tls_is_declined_and_the_client_may_go_on() -> None:
    async def test() -> None:
        async with proxied(EchoServer().serve) as proxy:
            with pytest.raises(ValueError, match="one has no certificate"):
                proxy.require_tls(True)
            streams = await connect(proxy)
            for byte in SSL_REQUEST:
                streams[1].write(bytes([byte]))
                await asyncio.sleep(0)
            assert await streams[0].readexactly(1) == b"N"
            assert await echo(streams, STARTUP) == STARTUP
            streams[1].close()

    run(test)


def test_required_tls_refuses_plain_logins_and_says_so(server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve, server_tls) as proxy:
            proxy.require_tls(True)
            reader, writer = await connect(proxy)
            writer.write(STARTUP[:12])
            await asyncio.sleep(0.01)
            writer.write(STARTUP[12:])
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"E")
            assert struct.unpack_from("!I", answer, 1)[0] == len(answer) - 1
            assert b'user "admin", database "app", no encryption' in answer
            assert server.received == b""
            writer.close()
            cancel = await connect(proxy)
            assert await echo(cancel, CANCEL_REQUEST) == CANCEL_REQUEST
            cancel[1].close()

    run(test)
