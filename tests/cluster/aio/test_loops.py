"""Several loops in a process, one that is blocked, many tasks, connections that nobody closes."""

from __future__ import annotations

import asyncio
import gc
import select
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, release_resources
from aws_advanced_python_wrapper.aio.psycopg import connect
from aws_advanced_python_wrapper.core.plugin import Plugin
from cluster.support import (
    WHO,
    Background,
    at_server,
    driver_threads,
    eventually,
    true_writer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import CallNext, ConnectNext
    from aws_advanced_python_wrapper.local import LocalCluster

    Play = Callable[[Coroutine[Any, Any, Any]], Any]

TOGETHER = 100


@pytest.fixture(autouse=True)
def _resources() -> Iterator[None]:
    yield
    release_resources()


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that blocks while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def who(connection: Any) -> str:
    return str((await (await connection.execute(WHO)).fetchone())[0])


async def work(connection: Any, started: Callable[[], object]) -> None:
    while True:
        await connection.execute("SELECT pg_sleep(0.02)")
        started()


async def work_until_failed_over(connection: Any, started: Callable[[], object]) -> str:
    """Work until the connection has failed over; returns the instance that it leads to then."""
    with pytest.raises(FailoverSuccessError):
        await work(connection, started)
    return await who(connection)


def test_a_hundred_connections_of_one_loop_fail_over_together(cluster: LocalCluster, play: Play) -> None:
    started = set()

    async def one(number: int) -> str:
        connection = await connect(cluster.conninfo(), autocommit=True)
        try:
            return await work_until_failed_over(connection, lambda: started.add(number))
        finally:
            await connection.close()

    async def crash() -> None:
        await in_thread(eventually, lambda: len(started) == TOGETHER)
        await in_thread(cluster.failover)

    async def scenario() -> list[str]:
        crashing = asyncio.ensure_future(crash())
        hosts = await asyncio.gather(*(one(number) for number in range(TOGETHER)))
        await crashing
        return list(hosts)

    assert play(scenario()) == [true_writer(cluster)] * TOGETHER
    eventually(lambda: not driver_threads())


def test_loops_in_several_threads_fail_over_independently(cluster: LocalCluster, play: Play) -> None:
    started = set()

    async def one() -> str:
        connection = await connect(cluster.conninfo(), autocommit=True)
        try:
            return await work_until_failed_over(connection, lambda: started.add(threading.get_ident()))
        finally:
            await connection.close()

    async def two_tasks() -> list[str]:
        return list(await asyncio.gather(one(), one()))

    threads = [Background(lambda: play(two_tasks())) for _ in range(4)]
    eventually(lambda: len(started) == len(threads))
    cluster.failover()
    outcomes = [thread.result() for thread in threads]
    assert outcomes == [[true_writer(cluster)] * 2] * len(threads)


def test_loops_one_after_another_fail_over(cluster: LocalCluster, play: Play) -> None:
    async def scenario() -> str:
        connection = await connect(cluster.conninfo(), autocommit=True)
        try:
            await in_thread(cluster.failover)
            with pytest.raises(FailoverSuccessError):
                await connection.execute("SELECT 1")
            return await who(connection)
        finally:
            await connection.close()

    for _ in range(3):
        assert play(scenario()) == true_writer(cluster)
        cluster.wait_settled()  # as the endpoint's name is: this process has forgotten who writes


def test_a_loop_that_ended_in_the_middle_of_a_failover_disturbs_no_other_one(cluster: LocalCluster, play: Play) -> None:
    async def cut_short() -> None:
        connection = await connect(cluster.conninfo(), autocommit=True, failover_timeout_sec=600)
        for instance in cluster.instances:
            instance.proxy.refuse()
            instance.proxy.reset()
        task = asyncio.ensure_future(connection.execute("SELECT 1"))
        await asyncio.wait([task], timeout=0.2)
        await connection.close()

    async def opened_later() -> str:
        connection = await connect(cluster.conninfo(), autocommit=True)
        try:
            return await who(connection)
        finally:
            await connection.close()

    play(cut_short())
    for instance in cluster.instances:
        instance.proxy.accept()
    assert play(opened_later()) == true_writer(cluster)


def test_a_blocked_loop_does_not_keep_the_process_from_knowing_the_new_writer(
    cluster: LocalCluster, play: Play
) -> None:
    async def scenario() -> None:
        connection: Any = await connect(cluster.conninfo(), autocommit=True, topology_refresh_ms=100)
        try:
            store = connection._session.cluster.store
            result = cluster.failover()  # blocks the loop
            eventually(lambda: store.current.writer.host_id == result.new_writer)
            with pytest.raises(FailoverSuccessError):
                await connection.execute("SELECT 1")
            assert await who(connection) == result.new_writer
        finally:
            await connection.close()

    play(scenario())


def test_a_frozen_host_is_detected_while_the_loop_is_blocked(cluster: LocalCluster, play: Play) -> None:
    quick = {"failure_detection_time_ms": 300, "failure_detection_interval_ms": 100, "failure_detection_count": 2}

    async def scenario() -> None:
        connection = await connect(cluster.conninfo(), autocommit=True, plugins="host_monitoring", **quick)
        try:
            call = asyncio.ensure_future(connection.execute("SELECT pg_sleep(60)"))
            await asyncio.sleep(0.1)
            cluster.writer.proxy.blackhole()
            poll = select.poll()
            poll.register(connection.pgconn.socket, 0)
            assert poll.poll(30_000), "the socket of the call is shut down although the loop does not run"
            with pytest.raises(psycopg.OperationalError):
                await call
        finally:
            await connection.close()

    play(scenario())


def test_the_programs_own_waits_do_not_disturb_those_of_a_failover(cluster: LocalCluster, play: Play) -> None:
    async def scenario() -> None:
        connection = await connect(cluster.conninfo(), autocommit=True)
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(connection.fileno(), told.set)  # as programs wait for notifications
        host = connection._session.host.host
        await in_thread(at_server, cluster, host, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 20000)")
        await asyncio.wait_for(told.wait(), 20)
        loop.remove_reader(connection.fileno())
        with pytest.raises(FailoverSuccessError):
            await connection.execute("SELECT 1")
        assert await who(connection) == cluster.writer.name
        await connection.close()

    play(scenario())


def test_notifications_that_are_waited_for_end_with_the_outcome(cluster: LocalCluster, play: Play) -> None:
    async def scenario() -> None:
        connection = await connect(cluster.conninfo(), autocommit=True)
        await connection.execute("LISTEN news")
        await in_thread(at_server, cluster, cluster.writer.name, "SELECT pg_notify('news', 'here')")
        notifications = connection.notifies()
        assert (await anext(notifications)).payload == "here"
        failover = asyncio.ensure_future(in_thread(cluster.failover))
        with pytest.raises(FailoverSuccessError):
            await anext(notifications)
        await failover
        assert await who(connection) == true_writer(cluster)
        await connection.close()

    play(scenario())


class Counting(Plugin):
    """Counts calls and connections, and waits as plugins of both flavours may."""

    code = "counting"
    calls = 0
    opened = 0

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        type(self).opened += 1
        return await proceed(host)

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        del function
        await self.session.io.sleep(0.001)
        type(self).calls += 1
        return await proceed(*args, **kwargs)


def test_a_plugin_of_the_programs_own_takes_part(cluster: LocalCluster, play: Play) -> None:
    async def scenario() -> None:
        connection = await connect(cluster.conninfo(), autocommit=True, plugins=["failover", Counting])
        before = Counting.calls, Counting.opened
        cursor = await connection.execute("SELECT 1")
        assert [row async for row in cursor] == [(1,)]
        await in_thread(cluster.failover)
        with pytest.raises(FailoverSuccessError):
            await cursor.execute("SELECT 1")
        assert Counting.calls == before[0] + 2
        assert Counting.opened > before[1]
        assert type(connection._unwrap(Counting)) is Counting
        assert await who(connection) == true_writer(cluster)
        await connection.close()

    play(scenario())


@pytest.mark.parametrize("failed_over", [False, True])
def test_a_connection_that_nobody_closes_is_collected_with_psycopgs_warning(
    cluster: LocalCluster, failed_over: bool
) -> None:
    async def scenario() -> None:
        connection = await connect(cluster.conninfo(), autocommit=True, topology_refresh_ms=100)
        if failed_over:
            await in_thread(cluster.failover)
            with pytest.raises(FailoverSuccessError):
                await connection.execute("SELECT 1")
        session = weakref.ref(connection._session)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del connection
            gc.collect()
        assert ["deleted while still open" in str(warning.message) for warning in caught] == [True]
        assert session() is None

    asyncio.run(scenario())
    eventually(lambda: not driver_threads())
