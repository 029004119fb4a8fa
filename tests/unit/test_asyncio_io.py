"""What the asyncio flavour of `core.io` does when a task is cancelled: nothing is kept, and no cancellation is lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo, Truth, begun

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


async def opening(steps: int = 0, error: Exception | None = None) -> str:
    await turns(steps)
    if error is not None:
        raise error
    return "opened"


def test_what_is_opened_in_time_is_returned() -> None:
    ended: list[str] = []
    assert asyncio.run(AsyncioIo().within(60, opening(2), ended.append)) == "opened"
    assert asyncio.run(AsyncioIo().within(None, opening(), ended.append)) == "opened"
    assert ended == []


def test_an_error_of_what_opens_is_raised_as_it_is() -> None:
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as raised:
        asyncio.run(AsyncioIo().within(60, opening(1, error), print))
    assert raised.value is error


def test_a_timeout_of_what_opens_is_one_whatever_its_class_is_in_this_python() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(AsyncioIo().within(60, opening(1, asyncio.TimeoutError()), print))


def test_what_opens_too_slowly_is_cancelled() -> None:
    async def scenario() -> bool:
        ended = asyncio.Event()

        async def slow() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        with pytest.raises(TimeoutError):
            await AsyncioIo().within(0.01, slow(), print)
        return await asyncio.wait_for(ended.wait(), 60)

    assert asyncio.run(scenario())


@pytest.mark.parametrize("moment", range(1, 6))
def test_what_is_opened_for_nobody_is_ended(moment: int) -> None:
    async def scenario() -> list[str]:
        ended: list[str] = []
        opened = False

        async def stubborn() -> str:
            nonlocal opened
            for _ in range(3):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
            opened = True
            return "opened"

        task = asyncio.create_task(AsyncioIo().within(60, stubborn(), ended.append))
        await turns(moment)
        if task.done():
            assert task.result() == "opened"
            return ["opened"]
        assert await cancelled(task)
        await turns(6)
        return ended if opened else ["opened"]

    assert asyncio.run(scenario()) == ["opened"]


def test_what_needs_no_waiting_is_done_when_it_has_begun() -> None:
    async def scenario() -> list[int]:
        done = []

        async def close() -> None:
            done.append(1)

        rest = begun(close())
        assert done == [1]
        await rest
        await begun(close())
        return done

    assert asyncio.run(scenario()) == [1, 1]


@pytest.mark.parametrize("awaited", [True, False])
def test_what_has_begun_goes_on_whether_or_not_it_is_awaited(awaited: bool) -> None:
    async def scenario() -> None:
        done = asyncio.Event()

        async def close() -> None:
            await turns(2)
            await asyncio.wait_for(asyncio.sleep(0), 60)
            done.set()

        rest = begun(close())
        assert not done.is_set()
        if awaited:
            await rest
            assert done.is_set()
        await asyncio.wait_for(done.wait(), 60)

    asyncio.run(scenario())


def test_what_has_begun_can_be_cancelled_and_its_errors_are_raised() -> None:
    async def scenario() -> None:
        async def fail() -> None:
            await turns(1)
            raise ValueError("no")

        async def wait() -> None:
            await asyncio.sleep(60)

        with pytest.raises(ValueError, match="no"):
            await begun(fail())
        waiting = begun(wait())
        await turns(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(scenario())


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_is_one_before_it_is_awaited_and_after(value: bool) -> None:
    async def awaited() -> object:
        return await Truth(value)

    assert bool(Truth(value)) is value
    assert Truth(value) == int(value)
    assert repr(Truth(value)) == repr(value)
    assert asyncio.run(awaited()) is value
