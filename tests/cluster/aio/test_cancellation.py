"""Cancelling a task is never a failover, marks no host and leaves no connection behind, whenever it comes."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import FailoverError, release_resources
from aws_advanced_python_wrapper.aio.psycopg import connect
from aws_advanced_python_wrapper.cluster.host import HostAvailability
from cluster.support import WHO, at_server, true_writer
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster

    Play = Callable[[Coroutine[Any, Any, Any]], Any]

NAME = "cancelled"
OURS = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAME}'"


@pytest.fixture(autouse=True)
def _resources() -> Iterator[None]:
    yield
    release_resources()


@asynccontextmanager
async def opened(cluster: LocalCluster, **arguments: Any) -> AsyncIterator[Any]:
    parameters = {"autocommit": True, "application_name": NAME, "topology-monitoring-application_name": "monitor"}
    connection = await connect(cluster.conninfo(), **{**parameters, **arguments})
    try:
        yield connection
    finally:
        await connection.close()


async def who(connection: Any) -> str:
    cursor = await connection.execute(WHO)
    return str((await cursor.fetchone())[0])


def unavailable(connection: Any) -> list[str]:
    hosts = connection._session.cluster.store.current.hosts
    return [host.address for host in hosts if host.availability is not HostAvailability.AVAILABLE]


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that blocks while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def connections(cluster: LocalCluster) -> int:
    """Count this test's connections at the servers."""
    running = [instance.name for instance in cluster.instances if instance.state == "running"]
    return sum(at_server(cluster, name, OURS) for name in running)


async def cancelled_after(seconds: float, call: Awaitable[Any]) -> BaseException | None:
    """Cancel a call some time after its beginning; returns what it raised, None if it was too quick."""
    task = asyncio.ensure_future(call)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.wait([task])
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def in_copy(connection: Any) -> None:
    await connection.execute("CREATE TEMPORARY TABLE copied (id int)")
    async with connection.cursor().copy("COPY copied FROM STDIN"):
        await asyncio.sleep(60)


async def in_stream(connection: Any) -> None:
    async for _ in connection.cursor().stream("SELECT pg_sleep(0.1) FROM generate_series(1, 600)"):
        pass


async def in_pipeline(connection: Any) -> None:
    async with connection.pipeline():
        await (await connection.execute("SELECT pg_sleep(60)")).fetchone()


async def in_transaction(connection: Any) -> None:
    async with connection.transaction():
        await connection.execute("SELECT pg_sleep(60)")


async def in_server_cursor(connection: Any) -> None:
    async with connection.transaction(), connection.cursor("on_the_server") as cursor:
        await cursor.execute("SELECT pg_sleep(0.1) FROM generate_series(1, 600)")
        await cursor.fetchall()


async def in_notifies(connection: Any) -> None:
    async for _ in connection.notifies():
        pass


CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "execute": lambda connection: connection.execute("SELECT pg_sleep(60)"),
    "executemany": lambda connection: connection.cursor().executemany("SELECT pg_sleep(%s)", [(60,)]),
    **{call.__name__: call for call in (in_copy, in_stream, in_pipeline, in_transaction)},
    **{call.__name__: call for call in (in_server_cursor, in_notifies)},
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_cancelled_leaves_the_connection_as_it_was(cluster: LocalCluster, play: Play, call: str) -> None:
    async def scenario() -> None:
        async with opened(cluster) as connection:
            before = connection.target_connection
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(CALLS[call](connection), 0.2)
            assert connection.target_connection is before
            assert not connection.closed
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert await who(connection) == cluster.writer.name
            assert unavailable(connection) == []

    play(scenario())
    eventually(lambda: connections(cluster) == 0)


@pytest.mark.skipif(
    not hasattr(psycopg.AsyncConnection, "cancel_safe"),
    reason="psycopg before 3.2 blocks the loop until the host answers its request to cancel",
)
def test_a_call_to_a_frozen_host_that_is_cancelled_marks_no_host(cluster: LocalCluster, play: Play) -> None:
    async def scenario() -> None:
        async with opened(cluster, topology_refresh_ms=60000) as connection:
            cluster.writer.proxy.blackhole()
            call = asyncio.ensure_future(connection.execute("SELECT 1"))
            await asyncio.wait([call], timeout=0.2)
            call.cancel()
            await asyncio.wait([call], timeout=0.2)  # psycopg tries to cancel the statement
            cluster.writer.proxy.restore()
            await asyncio.wait([call])
            assert call.cancelled()
            assert unavailable(connection) == []

    play(scenario())


# Moments of a failover, in seconds: the connection to the same healthy writer is soon there again.
MOMENTS = [number / 1000 for number in range(40)]


def test_a_failover_that_is_cancelled_at_any_moment_leaves_nothing_behind(cluster: LocalCluster, play: Play) -> None:
    async def end_backend(connection: Any) -> None:
        end = f"SELECT pg_terminate_backend({connection.info.backend_pid}, 20000)"
        host = connection._session.host.host
        await in_thread(at_server, cluster, host, end)

    async def scenario() -> set[Any]:
        outcomes = set()
        async with opened(cluster) as connection:
            for moment in MOMENTS:
                await end_backend(connection)
                outcomes.add(type(await cancelled_after(moment, connection.execute("SELECT 1"))))
                assert not connection._session.closed
                try:
                    await connection.execute("SELECT 1")
                except FailoverError:
                    await connection.execute("SELECT 1")
                assert await who(connection) == cluster.writer.name
                await in_thread(eventually, lambda: connections(cluster) == 1)
            return outcomes

    outcomes = play(scenario())
    assert asyncio.CancelledError in outcomes
    assert len(outcomes) == 2, "the moments should reach from before the failover to after it"
    eventually(lambda: connections(cluster) == 0)


def test_a_failover_of_one_task_goes_on_when_another_one_that_waits_for_it_is_cancelled(
    cluster: LocalCluster, play: Play
) -> None:
    async def scenario() -> None:
        async with opened(cluster, application_name="sleeps on") as connection:
            first, second = (asyncio.ensure_future(connection.execute("SELECT pg_sleep(60)")) for _ in range(2))
            await asyncio.sleep(0.1)
            for instance in cluster.instances:
                instance.proxy.refuse()
                instance.proxy.reset()
            await asyncio.wait([first, second], timeout=0.3)
            second.cancel()
            await asyncio.wait([second])
            for instance in cluster.instances:
                instance.proxy.accept()
            with pytest.raises(FailoverError):
                await first
            assert await who(connection) == true_writer(cluster)

    play(scenario())


async def open_and_close(cluster: LocalCluster) -> None:
    async with opened(cluster):
        pass


def test_connecting_can_be_cancelled_at_any_moment(cluster: LocalCluster, play: Play) -> None:
    async def scenario() -> set[type[BaseException | None]]:
        began = time.monotonic()
        await open_and_close(cluster)
        step = (time.monotonic() - began) / 15
        outcomes = set()
        for number in range(25):
            release_resources()  # so that each connects to a cluster it does not know
            outcomes.add(type(await cancelled_after(number * step, open_and_close(cluster))))
        return outcomes

    assert play(scenario()) == {asyncio.CancelledError, type(None)}, (
        "the moments should reach from the beginning to after the end"
    )
    eventually(lambda: connections(cluster) == 0)


def test_a_cancelled_failover_that_finds_no_host_is_made_up_for_at_the_next_call(
    cluster: LocalCluster, play: Play
) -> None:
    async def scenario() -> None:
        async with opened(cluster, failover_timeout_sec=600) as connection:
            for instance in cluster.instances:
                cluster.kill(instance)
            error = await cancelled_after(0.5, connection.execute("SELECT 1"))
            assert isinstance(error, asyncio.CancelledError)
            await in_thread(cluster.restore)
            with pytest.raises(FailoverError):
                await connection.cursor().execute("SELECT 1")
            assert await who(connection) == true_writer(cluster)

    play(scenario())


def test_a_block_that_is_cancelled_ends_with_the_cancellation_although_its_host_is_lost(
    cluster: LocalCluster, play: Play
) -> None:
    async def scenario() -> None:
        async with opened(cluster, failover_timeout_sec=600) as connection:

            async def block() -> None:
                async with connection.transaction():
                    await connection.execute("SELECT 1")
                    for instance in cluster.instances:
                        cluster.kill(instance)
                    await asyncio.sleep(60)

            error = await cancelled_after(1, block())
            assert isinstance(error, asyncio.CancelledError)

    play(scenario())


@pytest.mark.skipif(not hasattr(asyncio, "TaskGroup"), reason="task groups came with Python 3.11")
def test_a_task_group_ends_with_the_first_outcome_and_leaves_nothing_behind(cluster: LocalCluster, play: Play) -> None:
    working = set()

    async def work(number: int) -> None:
        async with opened(cluster) as connection:
            while True:
                await connection.execute("SELECT 1")
                working.add(number)

    async def crash() -> None:
        await in_thread(eventually, lambda: len(working) == 50)
        await in_thread(cluster.failover)

    async def scenario() -> BaseException:
        group: Any = vars(asyncio)["TaskGroup"]()
        try:
            async with group:
                for number in range(50):
                    group.create_task(work(number))
                group.create_task(crash())
        except BaseException as error:  # noqa: BLE001 - Python 3.10 has no name for its class
            return error
        raise AssertionError("no outcome")

    ended: Any = play(scenario())
    assert len(ended.exceptions) >= 1
    assert [error for error in ended.exceptions if not isinstance(error, FailoverError)] == []
    eventually(lambda: connections(cluster) == 0)
