"""The proxy between asyncio clients and small real TCP servers."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from aws_advanced_python_wrapper.local.proxy.proxy import Counters
from support.proxied import HELLO, EchoServer, connect, echo, proxied, run, silent, until

READY = b"Z\x00\x00\x00\x05I"
SHORT = 0.15


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
