"""MySQL in asyncio: a call that is interrupted costs its connection, and nobody gets the answer to another's call."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverError, FailoverSuccessError, release_resources
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.cluster.host import HostAvailability
from cluster.support import administrate, at_server, true_writer
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

    Play = Callable[[Coroutine[Any, Any, Any]], Any]
    Opening = Callable[..., Any]

pytestmark = pytest.mark.drivers("mysql")

WHO = "SELECT @@aurora_server_id"


@pytest.fixture(autouse=True)
def _resources() -> Iterator[None]:
    yield
    release_resources()


@pytest.fixture
def opened(cluster: LocalCluster, driver: Driver) -> Opening:
    """Return a block in which there is a connection to the cluster."""

    @asynccontextmanager
    async def opening(**arguments: Any) -> AsyncIterator[Any]:
        parameters = {"autocommit": True, **driver.arguments, **arguments}
        connection = await AsyncAwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **parameters)
        try:
            yield connection
        finally:
            await connection.close()

    return opening


async def rows(connection: Any, query: str) -> list[Any]:
    cursor = await connection.cursor()
    await cursor.execute(query)
    return list(await cursor.fetchall())


async def at_once_or_after_a_failover(connection: Any, query: str) -> list[Any]:
    try:
        return await rows(connection, query)
    except FailoverError:
        return await rows(connection, query)


def unavailable(connection: Any) -> list[str]:
    hosts = connection._session.cluster.store.current.hosts
    return [host.address for host in hosts if host.availability is not HostAvailability.AVAILABLE]


async def cancelled_after(seconds: float, call: Awaitable[Any]) -> BaseException | None:
    """Cancel a call some time after its beginning; returns what it raised, None if it was too quick."""
    task = asyncio.ensure_future(call)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.wait([task])
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that blocks while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def connections(cluster: LocalCluster) -> int:
    """Count the connections of the program's user, the monitor's among them, at the servers."""
    query = f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{cluster.user}'"
    running = [instance.name for instance in cluster.instances if instance.state == "running"]
    return sum(int(at_server(cluster, name, query)) for name in running)


async def in_execute(connection: Any) -> None:
    await rows(connection, "SELECT SLEEP(60)")


async def in_executemany(connection: Any) -> None:
    await (await connection.cursor()).executemany("DO SLEEP(%s)", [(0,), (60,)])


async def in_rows_that_come_one_by_one(connection: Any) -> None:
    query = "SELECT SLEEP(0.05) FROM information_schema.columns LIMIT 60"  # the server goes on with it to its end
    await rows(connection, query)


CALLS = {call.__name__: call for call in (in_execute, in_executemany, in_rows_that_come_one_by_one)}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_cancelled_gives_up_the_connection_and_the_next_one_gets_another(
    cluster: LocalCluster, opened: Opening, play: Play, call: str
) -> None:
    async def scenario() -> None:
        async with opened() as connection:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(CALLS[call](connection), 0.3)
            assert connection.closed
            with pytest.raises(FailoverSuccessError):
                await rows(connection, "SELECT 42")
            assert await rows(connection, "SELECT 42") == [(42,)]
            assert await rows(connection, WHO) == [(cluster.writer.name,)]
            assert unavailable(connection) == []

    play(scenario())


def test_without_plugins_a_cancelled_call_leaves_a_connection_that_says_it_is_lost(opened: Opening, play: Play) -> None:
    async def scenario() -> None:
        async with opened(plugins="") as connection:
            assert isinstance(await cancelled_after(0.3, in_execute(connection)), asyncio.CancelledError)
            assert connection.closed
            for _ in range(2):
                with pytest.raises(connection._session.adapter.errors.Error):
                    await rows(connection, "SELECT 42")

    play(scenario())


def test_no_moment_of_a_cancellation_gives_the_next_call_a_wrong_answer(opened: Opening, play: Play) -> None:
    async def scenario() -> set[Any]:
        outcomes = set()
        async with opened() as connection:
            for number in range(60):
                query = f"SELECT {number}, SLEEP(0.01)"
                outcomes.add(type(await cancelled_after(number * 0.0004, rows(connection, query))))
                assert await at_once_or_after_a_failover(connection, f"SELECT {-number}") == [(-number,)]
        return outcomes

    assert play(scenario()) == {asyncio.CancelledError, type(None)}, "the moments should reach past the end of the call"


def test_connecting_can_be_cancelled_at_any_moment(cluster: LocalCluster, opened: Opening, play: Play) -> None:
    async def open_and_close() -> None:
        async with opened():
            pass

    async def scenario() -> set[type[BaseException | None]]:
        began = time.monotonic()
        await open_and_close()
        step = (time.monotonic() - began) / 8
        outcomes = set()
        for number in range(16):
            release_resources()  # so that each connects to a cluster it does not know
            outcomes.add(type(await cancelled_after(number * step, open_and_close())))
        return outcomes

    assert play(scenario()) == {asyncio.CancelledError, type(None)}, "the moments should reach past the end"
    release_resources()
    eventually(lambda: connections(cluster) == 0)


def test_a_failover_that_is_cancelled_at_any_moment_leaves_nothing_behind(
    cluster: LocalCluster, opened: Opening, play: Play
) -> None:
    async def scenario() -> set[Any]:
        outcomes = set()
        async with opened() as connection:
            for number in range(25):
                ((process,),) = await rows(connection, "SELECT CONNECTION_ID()")
                await in_thread(administrate, cluster, f"KILL {process}")
                outcomes.add(type(await cancelled_after(number * 0.002, rows(connection, "SELECT 1"))))
                assert not connection._session.closed
                assert await at_once_or_after_a_failover(connection, WHO) == [(cluster.writer.name,)]
        return outcomes

    assert asyncio.CancelledError in play(scenario())
    release_resources()
    eventually(lambda: connections(cluster) == 0)


def test_a_thread_ends_a_call_that_waits_for_a_frozen_host(cluster: LocalCluster, opened: Opening, play: Play) -> None:
    async def scenario() -> None:
        async with opened(plugins="") as connection:
            adapter, raw = connection._session.adapter, connection.target_connection
            cluster.writer.proxy.blackhole()
            ending = threading.Timer(0.3, adapter.abort, (raw,))
            ending.start()
            with pytest.raises(adapter.failures):
                await asyncio.wait_for(rows(connection, "SELECT 1"), 20)
            ending.join()
            assert connection.closed

    play(scenario())


def test_a_host_that_is_silent_is_waited_for_no_longer_than_the_limit(
    cluster: LocalCluster, opened: Opening, play: Play
) -> None:
    async def scenario() -> None:
        cluster.writer.proxy.blackhole()
        began = time.monotonic()
        with pytest.raises(Exception, match="timed out"):
            async with opened(plugins="", connect_timeout=1):
                pass
        assert time.monotonic() - began < 20

    play(scenario())


def test_a_connection_that_is_dropped_in_a_call_is_ended(cluster: LocalCluster, opened: Opening, play: Play) -> None:
    async def scenario() -> None:
        async with opened(plugins="") as connection:
            task = asyncio.ensure_future(in_execute(connection))
            await asyncio.wait([task], timeout=0.2)
            await connection.close()
            await asyncio.wait([task])
            assert task.exception() is not None

    play(scenario())
    eventually(lambda: connections(cluster) == 0)


def test_a_call_to_a_frozen_host_that_is_cancelled_marks_no_host(
    cluster: LocalCluster, opened: Opening, play: Play
) -> None:
    async def scenario() -> None:
        async with opened(topology_refresh_ms=60000) as connection:
            cluster.writer.proxy.blackhole()
            assert isinstance(await cancelled_after(0.2, rows(connection, "SELECT 1")), asyncio.CancelledError)
            assert unavailable(connection) == []
            cluster.writer.proxy.restore()
            assert await at_once_or_after_a_failover(connection, WHO) == [(cluster.writer.name,)]

    play(scenario())


@pytest.mark.drivers("mysql-aio")
def test_a_cancelled_failover_that_finds_no_host_is_made_up_for_at_the_next_call(
    cluster: LocalCluster, opened: Opening, play: Play
) -> None:
    async def scenario() -> None:
        async with opened(failover_timeout_sec=600) as connection:
            for instance in cluster.instances:
                cluster.kill(instance)
            error = await cancelled_after(0.5, rows(connection, "SELECT 1"))
            assert isinstance(error, asyncio.CancelledError)
            await in_thread(cluster.restore)
            with pytest.raises(FailoverError):
                await rows(connection, "SELECT 1")
            assert await rows(connection, WHO) == [(true_writer(cluster),)]

    play(scenario())


@pytest.mark.skipif(not hasattr(asyncio, "TaskGroup"), reason="task groups came with Python 3.11")
def test_a_task_group_ends_with_the_first_outcome_and_leaves_nothing_behind(
    cluster: LocalCluster, opened: Opening, play: Play
) -> None:
    working = set()

    async def work(number: int) -> None:
        async with opened() as connection:
            while True:
                await rows(connection, "SELECT 1")
                working.add(number)

    async def crash() -> None:
        await in_thread(eventually, lambda: len(working) == 20)
        await in_thread(cluster.failover)

    async def scenario() -> BaseException:
        group: Any = vars(asyncio)["TaskGroup"]()
        try:
            async with group:
                for number in range(20):
                    group.create_task(work(number))
                group.create_task(crash())
        except BaseException as error:  # noqa: BLE001 - Python 3.10 has no name for its class
            return error
        raise AssertionError("no outcome")

    ended: Any = play(scenario())
    assert len(ended.exceptions) >= 1
    assert [error for error in ended.exceptions if not isinstance(error, FailoverError)] == []
    release_resources()
    eventually(lambda: connections(cluster) == 0)
