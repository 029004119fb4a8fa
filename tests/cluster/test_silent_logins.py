"""Servers that fall silent in the middle of a login, or just after it, behind a line that swallows what they say."""

from __future__ import annotations

import math
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverFailedError
from cluster.drivers import every_driver
from cluster.engines import MYSQL
from cluster.relay import Relay
from cluster.support import end_process, execute, instance_of, process_of
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

LIMIT = 2  # s; the shortest that all drivers take


class StoppingRelay(Relay):
    """Passes on so many answers of the instance's in each connection that is yet to come, and swallows the others."""

    answers: float = math.inf
    passed = 0
    """How many that were, in all."""

    async def _answer(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        left = self.answers
        while data := await server.read(65536):
            if left > 0:
                left -= 1
                self.passed += 1
                to_client.write(data)
        if left > 0:
            to_client.close()


def relay(cluster: LocalCluster, number: int) -> StoppingRelay:
    return StoppingRelay(cluster.writer, f"127.77.2.{number + 1}")


def answers_of_a_login(cluster: LocalCluster, connect: Connect, **arguments: Any) -> int:
    with relay(cluster, 0) as line:
        with closing(connect(cluster, line.address, **arguments)):
            passed = line.passed
        eventually(lambda: line.clients == 0)
    return passed


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_connecting_ends_in_time_wherever_the_server_falls_silent(
    cluster: LocalCluster, connect: Connect, driver: Driver, encrypted: bool
) -> None:
    arguments = {"plugins": "none", "connect_timeout": LIMIT, **({} if encrypted else driver.no_tls)}

    def ends_after(answers: int) -> bool:
        """Tell whether connecting failed; what comes in two pieces now may come in one then, and be enough."""
        with relay(cluster, answers) as line:
            line.answers = answers
            began = time.monotonic()
            try:
                connect(cluster, line.address, **arguments).close()
            except (driver.module.Error, OSError):
                assert line.passed == answers
                return True
            finally:
                assert time.monotonic() - began < PATIENCE / 2
                if driver.engine is MYSQL:  # psycopg ends what it gives up when that is collected
                    eventually(lambda: line.clients == 0)
            return False

    expected = answers_of_a_login(cluster, connect, **arguments)
    with ThreadPoolExecutor(expected) as threads:
        ended = list(threads.map(ends_after, range(expected)))
    assert ended[:2] == [True, True]


@pytest.fixture
def lines(cluster: LocalCluster) -> Iterator[list[StoppingRelay]]:
    """Have a relay before each instance, at a port of theirs; their names are in a domain of the user's."""
    with ExitStack() as stack:
        with socket.create_server((cluster.writer.address, 0)) as free:
            port: int = free.getsockname()[1]
        for instance in cluster.instances:
            cluster.alias(f"{instance.name}.silent.example.com", instance.host)
        yield [stack.enter_context(StoppingRelay(one, one.address, port)) for one in cluster.instances]


def test_a_failover_ends_in_time_whose_hosts_fall_silent_in_the_login(
    cluster: LocalCluster, connect: Connect, lines: list[StoppingRelay]
) -> None:
    connection = connect(
        cluster,
        cluster.writer.address,
        port=lines[0].port,
        cluster_instance_host_pattern=f"?.silent.example.com:{lines[0].port}",
        plugins="failover",
        failover_timeout_sec=2 * LIMIT,
    )
    assert instance_of(connection) == cluster.writer.name
    for line in lines:
        line.answers = 1
    end_process(cluster, cluster.writer.name, process_of(connection))
    began = time.monotonic()
    with pytest.raises(FailoverFailedError):
        execute(connection, "SELECT 1")
    assert time.monotonic() - began < 2 * LIMIT + PATIENCE / 2
