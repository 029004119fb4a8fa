"""The proxy ends TLS as a PostgreSQL server does."""

from __future__ import annotations

import asyncio
import ssl
import struct
import time

import pytest

from aws_advanced_python_wrapper.local.proxy.certificates import Authority
from aws_advanced_python_wrapper.local.proxy.tls import TlsEnd
from support.proxied import EchoServer, TlsClient, connect, echo, proxied, run, until

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)
CANCEL_REQUEST = struct.pack("!IIII", 16, 80877102, 7, 7)
STARTUP = struct.pack("!II", 41, 196608) + b"user\0admin\0database\0app\0\0".ljust(33, b"\0")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_tls(authority: Authority) -> ssl.SSLContext:
    return authority.server_context(["one.example.com", "*.cluster-custom-x.example.com", "127.0.0.1"])


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


def test_a_client_that_says_goodbye_has_ended(authority: Authority, server_tls: ssl.SSLContext) -> None:
    async def test() -> None:
        server = EchoServer()
        async with proxied(server.serve, server_tls) as proxy:
            streams = await connect(proxy)
            client = TlsClient(streams, authority.ca_file, "one.example.com")
            await client.handshake()
            await client.send(STARTUP)
            assert await client.receive(len(STARTUP)) == STARTUP
            await client.goodbye()
            assert server.ends == ["eof"]
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


def test_nothing_can_be_said_before_the_handshake_of_tls(server_tls: ssl.SSLContext) -> None:
    assert TlsEnd(server_tls).encrypt(b"too early") == b""
