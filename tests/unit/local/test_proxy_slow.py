"""The proxy as a slow network, between asyncio clients and small real TCP servers."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.proxied import HELLO, EchoServer, connect, echo, proxied, run, until

SHORT = 0.15


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
