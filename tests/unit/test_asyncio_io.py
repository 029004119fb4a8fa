"""What the asyncio flavour of `core.io` does when a task is cancelled: nothing is kept, and no cancellation is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def cancelled(task: asyncio.Task[Any]) -> bool:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return True


def test_a_free_lock_is_taken_without_a_moment_for_a_cancellation() -> None:
    async def scenario() -> bool:
        task = asyncio.current_task()
        assert task
        task.cancel()
        lock = asyncio.Lock()
        assert await AsyncioIo().acquire(lock, 1)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        return lock.locked()

    assert asyncio.run(scenario())


def test_a_lock_that_stays_taken_is_given_up_in_time() -> None:
    async def scenario() -> None:
        lock = asyncio.Lock()
        await lock.acquire()
        assert not await AsyncioIo().acquire(lock, 0.01)
        lock.release()
        await turns(2)
        assert not lock.locked()

    asyncio.run(scenario())


def test_a_lock_that_is_free_in_time_is_taken() -> None:
    async def scenario() -> None:
        lock = asyncio.Lock()
        await lock.acquire()
        asyncio.get_running_loop().call_later(0.01, lock.release)
        assert await AsyncioIo().acquire(lock, 60)
        assert lock.locked()

    asyncio.run(scenario())


@pytest.mark.parametrize("moment", range(5))
def test_whoever_is_cancelled_while_the_lock_becomes_free_does_not_keep_it(moment: int) -> None:
    async def scenario() -> None:
        lock = asyncio.Lock()
        await lock.acquire()
        waiting = asyncio.create_task(AsyncioIo().acquire(lock, 60))
        await turns(3)
        lock.release()
        await turns(moment)
        if waiting.done():
            assert waiting.result()
            return
        assert await cancelled(waiting)
        await turns(3)
        assert not lock.locked()

    asyncio.run(scenario())


async def wait_for_an_event(meanwhile: Callable[[Any], None], moment: int) -> None:
    event = AsyncioIo().event()
    waiting = asyncio.create_task(event.wait(60))
    await turns(2)
    meanwhile(event)
    await turns(moment)
    if waiting.done():
        assert waiting.result()
    else:
        assert await cancelled(waiting)


@pytest.mark.parametrize("moment", range(5))
@pytest.mark.parametrize("meanwhile", [lambda event: event.set(), lambda _: None], ids=["set", "not set"])
def test_a_cancellation_that_comes_with_the_news_is_not_lost(meanwhile: Callable[[Any], None], moment: int) -> None:
    asyncio.run(wait_for_an_event(meanwhile, moment))


def test_an_event_of_a_loop_that_has_ended_is_set_in_peace() -> None:
    async def scenario() -> Any:
        return AsyncioIo().event()

    asyncio.run(scenario()).set()


def played_by_uvloop(scenario: Coroutine[Any, Any, Any]) -> Any:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed: it has no wheel for every Python")
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(scenario)
    finally:
        loop.close()


@pytest.mark.parametrize("seconds", [60.0, 1e12, float("inf")])
def test_uvloop_can_wait_for_any_time(seconds: float) -> None:
    async def scenario() -> bool:
        event = AsyncioIo().event()
        event.set()
        return await event.wait(seconds)

    assert played_by_uvloop(scenario())
