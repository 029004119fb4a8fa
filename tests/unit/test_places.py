from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.places import Places
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.waiting import place
from aws_advanced_python_wrapper.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Io
    from support.flavours import Flavour


class Visits:
    """Counts who is inside at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.all = 0

    async def visit(self, io: Io, places: Places, seconds: float = 0.002) -> None:
        async with place(io, places, Deadline.after(20)) as ours:
            assert ours
            with self._lock:
                self.inside += 1
                self.all += 1
                self.most = max(self.most, self.inside)
            await io.sleep(seconds)
            with self._lock:
                self.inside -= 1


def test_as_many_are_inside_as_there_are_places(flavour: Flavour) -> None:
    places, visits = Places(3), Visits()

    async def scenario() -> None:
        assert await flavour.together(*(visits.visit(flavour.io(), places) for _ in range(40))) == [None] * 40

    flavour.run(scenario())
    assert (visits.all, visits.most) == (40, 3)
    assert repr(places) == "<Places 3 free, 0 in line>"


def test_threads_and_loops_stand_in_the_same_line() -> None:
    from support.flavours import AsyncioFlavour, BlockingFlavour

    places, visits = Places(2), Visits()

    def run(flavour: Flavour) -> None:
        async def scenario() -> None:
            assert await flavour.together(*(visits.visit(flavour.io(), places) for _ in range(20))) == [None] * 20

        flavour.run(scenario())

    threads = [threading.Thread(target=run, args=(kind(),)) for kind in (AsyncioFlavour, BlockingFlavour)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (visits.all, visits.most) == (40, 2)
    assert repr(places) == "<Places 2 free, 0 in line>"


def test_who_waits_too_long_goes_without(flavour: Flavour) -> None:
    places = Places(1)

    async def scenario() -> None:
        io = flavour.io()
        async with place(io, places, Deadline.after(5)) as first:
            assert first
            async with place(io, places, Deadline.after(0.01)) as second:
                assert not second
        async with place(io, places, Deadline.after(5)) as third:
            assert third

    flavour.run(scenario())
    assert repr(places) == "<Places 1 free, 0 in line>"


def test_an_error_inside_gives_the_place_back(flavour: Flavour) -> None:
    places = Places(1)

    async def scenario() -> None:
        for deadline in (Deadline.after(5), Deadline.after(0)):
            with pytest.raises(KeyError):
                async with place(flavour.io(), places, deadline):
                    raise KeyError
            with pytest.raises(KeyError):
                async with (
                    place(flavour.io(), places, Deadline.after(5)),
                    place(flavour.io(), places, deadline.bounded(0.01)),
                ):
                    raise KeyError

    flavour.run(scenario())
    assert repr(places) == "<Places 1 free, 0 in line>"


def test_a_place_may_be_given_back_while_the_same_thread_takes_one() -> None:
    """By the finalizer of a coroutine that was dropped."""
    places = Places(1)
    taken: Any = threading.Event()
    assert places.take(taken)

    def take() -> None:
        with places._lock:
            places.give_back()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(2)
    assert not thread.is_alive()
    assert repr(places) == "<Places 1 free, 0 in line>"


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_cancelled_task_leaves_the_line_and_keeps_no_place(handed_over: bool) -> None:
    places = Places(1)
    first: Any = threading.Event()
    assert places.take(first)

    async def wait_in_line() -> None:
        async with place(AsyncioIo(), places, Deadline.after(20)):
            pytest.fail("was cancelled")

    async def scenario(then: Callable[[], object]) -> None:
        task = asyncio.create_task(wait_in_line())
        await asyncio.sleep(0)
        assert "1 in line" in repr(places)
        then()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario(places.give_back if handed_over else lambda: None))
    if not handed_over:
        places.give_back()
    assert repr(places) == "<Places 1 free, 0 in line>"
