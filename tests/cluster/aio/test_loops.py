"""Several loops in a process, one that is blocked, many tasks, connections that nobody closes."""

from __future__ import annotations

import asyncio
import gc
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, release_resources
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.plugin import Plugin
from cluster.faults import done, first_value
from cluster.support import Background, at_server, driver_threads, engine_of, true_writer
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import CallNext, ConnectNext
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

    Connecting = Callable[..., Coroutine[Any, Any, Any]]
    Play = Callable[[Coroutine[Any, Any, Any]], Any]

TOGETHER = 100


@pytest.fixture(autouse=True)
def _resources() -> Iterator[None]:
    yield
    release_resources()


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that blocks while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


@pytest.fixture
def connect(cluster: LocalCluster, driver: Driver) -> Connecting:
    """Return a coroutine function that connects to the cluster with the driver."""

    async def open_connection(**settings: Any) -> Any:
        settings = {"autocommit": True, **driver.arguments, **settings}
        return await AsyncAwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **settings)

    return open_connection


async def who(connection: Any) -> str:
    return str(await first_value(connection, engine_of(connection).who))


async def work(connection: Any, started: Callable[[], object]) -> None:
    while True:
        await first_value(connection, engine_of(connection).sleep.format(0.02))
        started()


async def work_until_failed_over(connection: Any, started: Callable[[], object]) -> str:
    """Work until the connection has failed over; returns the instance that it leads to then."""
    with pytest.raises(FailoverSuccessError):
        await work(connection, started)
    return await who(connection)


@pytest.mark.drivers("postgresql", "mysql")
def test_a_hundred_connections_of_one_loop_fail_over_together(
    cluster: LocalCluster, connect: Connecting, play: Play
) -> None:
    started = set()

    async def one(number: int) -> str:
        connection = await connect()
        try:
            return await work_until_failed_over(connection, lambda: started.add(number))
        finally:
            await done(connection.close())

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


@pytest.mark.drivers("postgresql", "mysql")
def test_loops_in_several_threads_fail_over_independently(
    cluster: LocalCluster, connect: Connecting, play: Play
) -> None:
    started = set()

    async def one() -> str:
        connection = await connect()
        try:
            return await work_until_failed_over(connection, lambda: started.add(id(connection)))
        finally:
            await done(connection.close())

    async def two_tasks() -> list[str]:
        return list(await asyncio.gather(one(), one()))

    threads = [Background(lambda: play(two_tasks())) for _ in range(4)]
    eventually(lambda: len(started) == 2 * len(threads))
    cluster.failover()
    outcomes = [thread.result() for thread in threads]
    assert outcomes == [[true_writer(cluster)] * 2] * len(threads)


@pytest.mark.drivers("postgresql", "mysql")
def test_loops_one_after_another_fail_over(cluster: LocalCluster, connect: Connecting, play: Play) -> None:
    async def scenario() -> str:
        connection = await connect()
        try:
            await in_thread(cluster.failover)
            with pytest.raises(FailoverSuccessError):
                await first_value(connection, "SELECT 1")
            return await who(connection)
        finally:
            await done(connection.close())

    for _ in range(3):
        assert play(scenario()) == true_writer(cluster)
        cluster.wait_settled()  # as the endpoint's name is: this process has forgotten who writes


@pytest.mark.drivers("postgresql", "mysql")
def test_a_loop_that_ended_in_the_middle_of_a_failover_disturbs_no_other_one(
    cluster: LocalCluster, connect: Connecting, play: Play
) -> None:
    async def cut_short() -> None:
        connection = await connect(failover_timeout_sec=600)
        for instance in cluster.instances:
            instance.proxy.refuse()
            instance.proxy.reset()
        task = asyncio.ensure_future(first_value(connection, "SELECT 1"))
        await asyncio.wait([task], timeout=0.2)
        await done(connection.close())

    async def opened_later() -> str:
        connection = await connect()
        try:
            return await who(connection)
        finally:
            await done(connection.close())

    play(cut_short())
    for instance in cluster.instances:
        instance.proxy.accept()
    assert play(opened_later()) == true_writer(cluster)


@pytest.mark.drivers("postgresql", "mysql")
def test_a_blocked_loop_does_not_keep_the_process_from_knowing_the_new_writer(
    cluster: LocalCluster, connect: Connecting, play: Play
) -> None:
    async def scenario() -> None:
        connection: Any = await connect(topology_refresh_ms=100)
        try:
            store = connection._session.cluster.store
            result = cluster.failover()  # blocks the loop
            eventually(lambda: store.current.writer.host_id == result.new_writer)
            with pytest.raises(FailoverSuccessError):
                await first_value(connection, "SELECT 1")
            assert await who(connection) == result.new_writer
        finally:
            await done(connection.close())

    play(scenario())


@pytest.mark.drivers("postgresql", "mysql")
def test_a_frozen_host_is_detected_while_the_loop_is_blocked(
    cluster: LocalCluster, connect: Connecting, driver: Driver, play: Play
) -> None:
    quick = {"failure_detection_time_ms": 300, "failure_detection_interval_ms": 100, "failure_detection_count": 2}

    async def scenario() -> None:
        connection = await connect(plugins="host_monitoring", **quick)
        try:
            call = asyncio.ensure_future(first_value(connection, driver.engine.sleep.format(60)))
            await asyncio.sleep(0.1)
            cluster.writer.proxy.blackhole()
            adapter, raw = connection._session.adapter, connection.target_connection
            eventually(lambda: adapter.is_dropped(raw))  # although the loop does not run
            with pytest.raises(driver.module.Error):
                await call
        finally:
            await done(connection.close())

    play(scenario())


def test_the_programs_own_waits_do_not_disturb_those_of_a_failover(
    cluster: LocalCluster, connect: Connecting, play: Play
) -> None:
    async def scenario() -> None:
        connection = await connect()
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(connection.fileno(), told.set)  # as programs wait for notifications
        host = connection._session.host.host
        await in_thread(at_server, cluster, host, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 20000)")
        await asyncio.wait_for(told.wait(), 20)
        loop.remove_reader(connection.fileno())
        with pytest.raises(FailoverSuccessError):
            await first_value(connection, "SELECT 1")
        assert await who(connection) == cluster.writer.name
        await done(connection.close())

    play(scenario())


def test_notifications_that_are_waited_for_end_with_the_outcome(
    cluster: LocalCluster, connect: Connecting, play: Play
) -> None:
    async def scenario() -> None:
        connection = await connect()
        await connection.execute("LISTEN news")
        await in_thread(at_server, cluster, cluster.writer.name, "SELECT pg_notify('news', 'here')")
        notifications = connection.notifies()
        assert (await anext(notifications)).payload == "here"
        failover = asyncio.ensure_future(in_thread(cluster.failover))
        with pytest.raises(FailoverSuccessError):
            await anext(notifications)
        await failover
        assert await who(connection) == true_writer(cluster)
        await done(connection.close())

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


@pytest.mark.drivers("postgresql", "mysql")
def test_a_plugin_of_the_programs_own_takes_part(cluster: LocalCluster, connect: Connecting, play: Play) -> None:
    async def scenario() -> None:
        connection = await connect(plugins=["failover", Counting])
        cursor = await done(connection.cursor())
        before = Counting.calls, Counting.opened
        await cursor.execute("SELECT 1")
        assert [tuple(row) for row in await done(cursor.fetchall())] == [(1,)]
        await in_thread(cluster.failover)
        with pytest.raises(FailoverSuccessError):
            await cursor.execute("SELECT 1")
        assert Counting.calls >= before[0] + 2
        assert Counting.opened > before[1]
        assert type(connection._unwrap(Counting)) is Counting
        assert await who(connection) == true_writer(cluster)
        await done(connection.close())

    play(scenario())


@pytest.mark.drivers("mysql")
def test_an_unencrypted_stream_that_has_ended_is_a_loss(
    cluster: LocalCluster, connect: Connecting, driver: Driver, play: Play
) -> None:
    async def scenario() -> None:
        connection = await connect(plugins="failover", **driver.no_tls)
        cluster.writer.proxy.reset()
        adapter, raw = connection._session.adapter, connection.target_connection
        await in_thread(eventually, lambda: adapter.is_closed(raw))
        await asyncio.sleep(0.05)  # the loop has seen it too
        with pytest.raises(FailoverSuccessError):
            await first_value(connection, "SELECT 1")
        assert await who(connection) == cluster.writer.name
        cluster.writer.proxy.reset()
        await asyncio.sleep(0.1)
        await done(connection.close())

    play(scenario())


@pytest.mark.parametrize("failed_over", [False, True])
def test_a_connection_that_nobody_closes_is_collected_with_psycopgs_warning(
    cluster: LocalCluster, connect: Connecting, failed_over: bool
) -> None:
    async def scenario() -> None:
        connection = await connect(topology_refresh_ms=100)
        if failed_over:
            await in_thread(cluster.failover)
            with pytest.raises(FailoverSuccessError):
                await first_value(connection, "SELECT 1")
        session = weakref.ref(connection._session)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del connection
            gc.collect()
        assert ["deleted while still open" in str(warning.message) for warning in caught] == [True]
        assert session() is None

    asyncio.run(scenario())
    eventually(lambda: not driver_threads())
