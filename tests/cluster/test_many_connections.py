"""Hundreds of connections of one process, in threads or tasks, through the crash of their writer."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.drivers import ASYNCIO, BLOCKING
from cluster.support import execute, fresh_table, ids_in, instance_of, true_writer
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

NUMBER = {"postgresql": 500, "mysql": 200}
"""Connections for each engine; the drivers for MySQL take longer to log in."""
AT_ONCE = 16
"""Connections to one host that a failover may open at a time."""
STRANGERS = 4
"""Monitors may be connecting at the same moment."""
ROUNDS = 4
"""Crashes at most; each takes some ten seconds."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def large_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    return local_cluster_factory(name="large", instances=3, max_connections=NUMBER["postgresql"] + 100)


@pytest.fixture(scope="module")
def large_mysql(aurora_mysql: LocalCluster, local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    where = {"engine": "mysql", "mysql_bin": aurora_mysql.settings.mysql_bin}
    return local_cluster_factory(name="large-mysql", instances=3, max_connections=NUMBER["mysql"] + 100, **where)


class Ledger:
    """The table that the connections write to, and which of their rows the database has acknowledged."""

    def __init__(self, cluster: LocalCluster, driver: Driver) -> None:
        self.cluster = cluster
        self.driver = driver
        self.number = NUMBER[driver.engine.name]
        # All connect at once: on a busy machine some answers take longer than the driver usually waits.
        self.conninfo = cluster.conninfo(monitor_disposal_time_ms=0, auxiliary_query_timeout_sec=60)
        self.table = fresh_table(cluster, "ledger", "id int")
        self.insert = f"INSERT INTO {self.table} VALUES (%s)"
        self.acknowledged: list[int] = []
        self.hosts: list[str] = []
        self.given_up = threading.Event()

    def check(self) -> None:
        writer = true_writer(self.cluster)
        assert self.hosts == [writer] * self.number
        with closing(self.cluster.connect_directly(writer)) as direct:
            assert set(self.acknowledged) <= set(ids_in(direct, self.table))
        assert len(self.acknowledged) == len(set(self.acknowledged)) >= 2 * self.number
        for instance in self.cluster.instances:
            assert instance.proxy.counters().peak_connecting <= AT_ONCE + STRANGERS

    def crash_the_writer(self) -> None:
        """Crash it once every connection has written, with all of them writing."""
        eventually(lambda: len({row % self.number for row in list(self.acknowledged)}) == self.number)
        for instance in self.cluster.instances:
            instance.proxy.reset_counters()
        self.cluster.failover(kind="crash", wait="writer")


def write_until_failed_over(connection: Any, ledger: Ledger, number: int) -> None:
    survived, row = False, number
    while not survived and not ledger.given_up.is_set():
        try:
            execute(connection, ledger.insert, row).close()
            ledger.acknowledged.append(row)
        except FailoverSuccessError:
            survived = True
        row += ledger.number
    execute(connection, ledger.insert, row).close()
    ledger.acknowledged.append(row)
    ledger.hosts.append(instance_of(connection))


async def write_until_failed_over_async(connection: Any, ledger: Ledger, number: int) -> None:
    survived, row = False, number
    while not survived:
        try:
            await execute_async(connection, ledger.insert, row)
            ledger.acknowledged.append(row)
        except FailoverSuccessError:
            survived = True
        row += ledger.number
    await execute_async(connection, ledger.insert, row)
    ledger.acknowledged.append(row)
    ((host,),) = await execute_async(connection, ledger.driver.engine.who)
    ledger.hosts.append(host)


async def execute_async(connection: Any, query: str, *parameters: Any) -> list[Any]:
    cursor = connection.cursor()
    cursor = await cursor if inspect.isawaitable(cursor) else cursor
    async with cursor:
        await cursor.execute(query, parameters or None)
        return list(await cursor.fetchall()) if cursor.description else []


def run_threads(ledger: Ledger) -> None:
    def one(number: int) -> None:
        connection = AwsWrapperConnection.connect(
            ledger.driver.connect, ledger.conninfo, autocommit=True, **ledger.driver.arguments
        )
        with closing(connection):
            write_until_failed_over(connection, ledger, number)

    with ThreadPoolExecutor(ledger.number + 1) as pool:
        futures = [pool.submit(one, number) for number in range(ledger.number)]
        futures.append(pool.submit(ledger.crash_the_writer))
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            ledger.given_up.set()  # the others would write for ever
            raise


def run_tasks(ledger: Ledger) -> None:
    async def one(number: int) -> None:
        connection = await AsyncAwsWrapperConnection.connect(ledger.driver.connect, ledger.conninfo, autocommit=True)
        try:
            await write_until_failed_over_async(connection, ledger, number)
        finally:
            await connection.close()

    async def all_of_them() -> None:
        crash = asyncio.get_running_loop().run_in_executor(None, ledger.crash_the_writer)
        await asyncio.gather(crash, *(one(number) for number in range(ledger.number)))

    asyncio.run(all_of_them())


def memory() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# For MySQL one driver of each flavour will do: what is shared is not theirs.
CROWDS = {
    "threads": (run_threads, BLOCKING["psycopg"]),
    "tasks": (run_tasks, ASYNCIO["psycopg"]),
    "mysql-c threads": (run_threads, BLOCKING["mysql-c"]),
    "mysql-aio tasks": (run_tasks, ASYNCIO["mysql-aio"]),
}


def play(crowd: str, large_cluster: LocalCluster) -> None:
    """Have the writer crash under the crowd, and all that it leaves behind end."""
    run, driver = CROWDS[crowd]
    ledger = Ledger(large_cluster, driver)
    run(ledger)
    large_cluster.wait_settled()
    ledger.check()
    eventually(lambda: not [one for one in threading.enumerate() if one.name.startswith(("topology ", "host "))])
    gc.collect()


@pytest.mark.parametrize("crowd", CROWDS)
def test_hundreds_of_connections_reach_the_new_writer_and_lose_nothing(
    request: pytest.FixtureRequest, crowd: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # what pytest keeps of the logs, errors and all they hold on to, is memory too
    _, driver = CROWDS[crowd]
    driver.skip_if_missing()
    large_cluster: LocalCluster = request.getfixturevalue(f"large_{driver.engine.name}")
    large_cluster.restore()
    # The first rounds fill what Python and the C library keep for later; what is lost is lost in each.
    after = [0]
    while len(after) <= ROUNDS:
        play(crowd, large_cluster)
        after.append(memory())
        if after[-1] - after[-2] < 30e6:
            return
    pytest.fail(f"each round takes more memory: {after[1:]}")
