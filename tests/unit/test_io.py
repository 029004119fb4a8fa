from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core import io
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from support.waiting import after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from support.flavours import Flavour


async def nap() -> None:
    await asyncio.sleep(0)


# run


def test_run_returns_the_result() -> None:
    async def answer() -> int:
        return 42

    assert run(answer()) == 42


def test_run_hands_errors_on_as_they_are() -> None:
    error = KeyError("x")

    async def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        run(fail())
    assert caught.value is error


def test_run_refuses_a_coroutine_that_suspends_and_leaves_no_warning_behind(
    recwarn: pytest.WarningsRecorder,
) -> None:
    cleaned_up = []

    async def suspends() -> None:
        try:
            await nap()
        finally:
            cleaned_up.append(1)

    with pytest.raises(RuntimeError, match="outside core"):
        run(suspends())
    assert cleaned_up == [1]
    assert not recwarn.list


# What both flavours do


def test_call_returns_what_the_driver_returns(flavour: Flavour) -> None:
    async def add_later(*numbers: int, start: int) -> int:
        await nap()
        return sum(numbers, start)

    def add(*numbers: int, start: int) -> int:
        return sum(numbers, start)

    async def scenario() -> None:
        assert await flavour.io().call(add, 1, 2, start=3) == 6
        if flavour.asynchronous:
            assert await flavour.io().call(add_later, 1, 2, start=3) == 6

    flavour.run(scenario())


def test_call_takes_keywords_of_any_name(flavour: Flavour) -> None:
    async def scenario() -> Any:
        return await flavour.io().call(dict, function=1, self=2)

    assert flavour.run(scenario()) == {"function": 1, "self": 2}


def test_call_hands_errors_on_as_they_are(flavour: Flavour) -> None:
    error = LookupError("x")

    def fail() -> None:
        raise error

    async def scenario() -> None:
        with pytest.raises(LookupError) as caught:
            await flavour.io().call(fail)
        assert caught.value is error

    flavour.run(scenario())


@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_sleep_takes_its_time(flavour: Flavour, seconds: float) -> None:
    began = time.monotonic()
    flavour.run(flavour.io().sleep(seconds))
    assert seconds <= time.monotonic() - began + 0.001


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("arrived", "writing", "ready"),
    [("data", False, True), ("end", False, True), ("", False, False), ("", True, True), ("data", True, True)],
)
def test_wait_socket(
    flavour: Flavour, pair: tuple[socket.socket, socket.socket], arrived: str, writing: bool, ready: bool
) -> None:
    ours, theirs = pair
    if arrived == "data":
        theirs.send(b"x")
    if arrived == "end":
        theirs.shutdown(socket.SHUT_WR)

    async def scenario() -> None:
        io = flavour.io()
        for _ in range(2):  # nothing of the first wait is left to disturb the second
            assert await io.wait_socket(ours.fileno(), writing=writing, timeout=0.01) is ready

    flavour.run(scenario())


def test_wait_socket_wakes_when_data_arrives(flavour: Flavour, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with after(0.01, lambda: theirs.send(b"x")):
        assert flavour.run(flavour.io().wait_socket(ours.fileno(), writing=False, timeout=5))


def test_wait_socket_may_be_asked_to_wait_for_any_time(
    flavour: Flavour, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    for timeout in (1e8, float("inf")):
        assert flavour.run(flavour.io().wait_socket(ours.fileno(), writing=False, timeout=timeout))


@pytest.mark.parametrize("seconds", [60.0, float("inf")])
def test_an_event_is_heard_from_another_thread(flavour: Flavour, seconds: float) -> None:
    async def scenario() -> None:
        event = flavour.io().event()
        with after(0.01, event.set):
            assert await event.wait(seconds)
            assert await event.wait(0)
        event.clear()
        assert not await event.wait(0.01)

    flavour.run(scenario())


def test_an_event_that_is_set_before_the_wait_is_not_lost(flavour: Flavour) -> None:
    async def scenario() -> None:
        event = flavour.io().event()
        event.set()
        assert await event.wait(5)

    flavour.run(scenario())


@pytest.mark.parametrize("moment", range(1, 12))
def test_whoever_waits_for_an_event_may_set_it_at_any_moment(moment: int) -> None:
    """As a finalizer or a signal handler does, in the same thread, that closes the connection."""
    event = BlockingIo().event()
    heard: list[bool] = []

    def wait() -> None:
        lines = 0

        def interrupt(frame: FrameType, kind: str, _: object) -> Any:
            nonlocal lines
            if kind == "line" and frame.f_code.co_filename in (threading.__file__, io.__file__):
                lines += 1
                if lines == moment:
                    sys.settrace(None)
                    event.set()
            return interrupt

        sys.settrace(interrupt)
        heard.append(run(event.wait(10)))

    thread, later = threading.Thread(target=wait, daemon=True), threading.Timer(0.02, event.set)
    later.daemon = True
    later.start()  # should the moment not come before it waits
    thread.start()
    thread.join(2)
    assert heard == [True]


def test_the_lock_lets_one_in_at_a_time(flavour: Flavour) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def scenario() -> None:
        io = flavour.io()
        lock = io.lock()

        async def visit(number: int) -> None:
            inside.append(number)
            await io.sleep(0.005)
            most.append(len(inside))
            inside.remove(number)

        assert await flavour.together(*(lock.holding(visit, number) for number in range(4))) == [None] * 4

    flavour.run(scenario())
    assert most == [1] * 4


def test_the_lock_is_free_again_after_an_error(flavour: Flavour) -> None:
    async def scenario() -> None:
        lock = flavour.io().lock()

        async def fail() -> None:
            raise KeyError

        async def succeed() -> str:
            return "in"

        (error,) = await flavour.together(lock.holding(fail))
        assert isinstance(error, KeyError)
        assert await flavour.together(lock.holding(succeed)) == ["in"]

    flavour.run(scenario())


# Names


def test_a_name_is_resolved_with_its_canonical_name(flavour: Flavour) -> None:
    adapter = PsycopgAdapter(print)
    assert flavour.run(adapter.canonical_name(flavour.io(), "127.0.0.1")) == "127.0.0.1"
    with pytest.raises(LookupError, match=r"there is no host 'nowhere\.invalid'"):
        flavour.run(adapter.canonical_name(Resolver(socket.EAI_NONAME), "nowhere.invalid"))


class Resolver(BlockingIo):
    """One that fails."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def resolve(self, host: str) -> list[tuple[Any, ...]]:
        raise socket.gaierror(self.number, f"no address of {host}")


def test_a_resolver_that_fails_for_now_tells_nothing() -> None:
    assert run(PsycopgAdapter(print).canonical_name(Resolver(socket.EAI_AGAIN), "db.example.com")) == "db.example.com"
