"""Five hundred connections of one process, in threads or tasks, through the crash of their writer."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.support import WHO, at_server, eventually, fresh_table, true_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster

NUMBER = 500
AT_ONCE = 16
"""Connections to one host that a failover may open at a time."""
STRANGERS = 4
"""Monitors may be connecting at the same moment."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def large_cluster(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    return local_cluster_factory(name="large", instances=3, max_connections=NUMBER + 100)


class Ledger:
    """The table that the connections write to, and which of their rows the database has acknowledged."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.table = fresh_table(cluster, "ledger", "id int")
        self.insert = f"INSERT INTO {self.table} VALUES (%s)"
        self.acknowledged: list[int] = []
        self.hosts: list[str] = []
        self.crashed = False

    def check(self) -> None:
        writer = true_writer(self.cluster)
        assert self.hosts == [writer] * NUMBER
        stored = at_server(self.cluster, writer, f"SELECT array_agg(id) FROM {self.table}")
        assert set(self.acknowledged) <= set(stored)
        assert len(self.acknowledged) == len(set(self.acknowledged)) >= 2 * NUMBER
        for instance in self.cluster.instances:
            assert instance.proxy.counters().peak_connecting <= AT_ONCE + STRANGERS

    def crash_the_writer(self) -> None:
        """Crash it once every connection has written, with all of them writing."""
        eventually(lambda: len({row % NUMBER for row in list(self.acknowledged)}) == NUMBER)
        for instance in self.cluster.instances:
            instance.proxy.reset_counters()
        self.cluster.failover(kind="crash", wait="writer")
        self.crashed = True


def write_until_failed_over(connection: Any, ledger: Ledger, number: int) -> None:
    survived, row = False, number
    while not survived:
        try:
            connection.execute(ledger.insert, (row,))
            ledger.acknowledged.append(row)
        except FailoverSuccessError:
            survived = True
        row += NUMBER
    connection.execute(ledger.insert, (row,))
    ledger.acknowledged.append(row)
    ledger.hosts.append(connection.execute(WHO).fetchone()[0])


async def write_until_failed_over_async(connection: Any, ledger: Ledger, number: int) -> None:
    survived, row = False, number
    while not survived:
        try:
            await connection.execute(ledger.insert, (row,))
            ledger.acknowledged.append(row)
        except FailoverSuccessError:
            survived = True
        row += NUMBER
    await connection.execute(ledger.insert, (row,))
    ledger.acknowledged.append(row)
    ledger.hosts.append((await (await connection.execute(WHO)).fetchone())[0])


def run_threads(ledger: Ledger) -> None:
    conninfo = ledger.cluster.conninfo(monitor_disposal_time_ms=0)

    def one(number: int) -> None:
        connection = AwsWrapperConnection.connect(psycopg.Connection.connect, conninfo, autocommit=True)
        try:
            write_until_failed_over(connection, ledger, number)
        finally:
            connection.close()

    with ThreadPoolExecutor(NUMBER + 1) as pool:
        futures = [pool.submit(one, number) for number in range(NUMBER)]
        futures.append(pool.submit(ledger.crash_the_writer))
        for future in futures:
            future.result()


def run_tasks(ledger: Ledger) -> None:
    conninfo = ledger.cluster.conninfo(monitor_disposal_time_ms=0)

    async def one(number: int) -> None:
        connection = await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, conninfo, autocommit=True)
        try:
            await write_until_failed_over_async(connection, ledger, number)
        finally:
            await connection.close()

    async def all_of_them() -> None:
        crash = asyncio.get_running_loop().run_in_executor(None, ledger.crash_the_writer)
        await asyncio.gather(crash, *(one(number) for number in range(NUMBER)))

    asyncio.run(all_of_them())


def memory() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("run", [run_threads, run_tasks], ids=["threads", "tasks"])
def test_five_hundred_connections_reach_the_new_writer_and_lose_nothing(
    large_cluster: LocalCluster, run: Callable[[Ledger], None]
) -> None:
    large_cluster.restore()
    grown = []
    for _ in range(2):
        ledger = Ledger(large_cluster)
        run(ledger)
        large_cluster.wait_settled()
        ledger.check()
        eventually(lambda: not [one for one in threading.enumerate() if one.name.startswith(("topology ", "host "))])
        gc.collect()
        grown.append(memory())
    # The first round fills what Python keeps for later; what the second adds would be added by each.
    assert grown[1] - grown[0] < 30e6
