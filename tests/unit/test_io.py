from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Topology
from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.flavours import Flavour


def news(at: float = 1.0) -> Observation:
    return Observation("a:5432", "a", HostRole.WRITER, (), at)


def anything(topology: Topology) -> Topology:
    return topology


def nothing(topology: Topology) -> None:
    del topology


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
    assert seconds <= time.monotonic() - began + 0.001 < seconds + 1


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


def test_wait_topology_finds_what_was_there_before(flavour: Flavour) -> None:
    store = TopologyStore()
    store.publish(news())
    found = flavour.run(flavour.io().wait_topology(store, anything, Deadline.after(0)))
    assert found is store.current


@pytest.mark.parametrize("seconds", [60.0, float("inf")])
def test_wait_topology_hears_news_while_it_waits(flavour: Flavour, seconds: float) -> None:
    store = TopologyStore()
    with after(0.01, lambda: store.publish(news())):
        found = flavour.run(flavour.io().wait_topology(store, anything, Deadline.after(seconds)))
    assert found is store.current


def test_wait_topology_goes_on_waiting_until_the_news_is_right(flavour: Flavour) -> None:
    store = TopologyStore()
    looks = []

    def third(topology: Topology) -> str | None:
        looks.append(topology.generation)
        return "found" if topology.writer_verified_at == 3 else None

    def publish() -> None:
        for at in (1, 2, 3):
            time.sleep(0.005)
            store.publish(news(at))

    with after(0, publish):
        assert flavour.run(flavour.io().wait_topology(store, third, Deadline.after(60))) == "found"


@pytest.mark.parametrize("published", [True, False])
def test_wait_topology_ends_at_the_deadline(flavour: Flavour, published: bool) -> None:
    store = TopologyStore()
    if published:
        store.publish(news())
    began = time.monotonic()
    assert flavour.run(flavour.io().wait_topology(store, nothing, Deadline.after(0.02))) is None
    assert 0.019 < time.monotonic() - began < 1


def test_wait_topology_leaves_no_listener_behind(flavour: Flavour) -> None:
    store = TopologyStore()

    def fail(topology: Topology) -> None:
        raise KeyError(topology.generation)

    flavour.run(flavour.io().wait_topology(store, anything, Deadline.after(0)))
    store.publish(news())
    with pytest.raises(KeyError):
        flavour.run(flavour.io().wait_topology(store, fail, Deadline.after(1)))
    assert store._listeners == []


def test_news_for_a_loop_that_is_closed_does_no_harm() -> None:
    from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo

    store = TopologyStore()
    loop = asyncio.new_event_loop()
    waiting = AsyncioIo().wait_topology(store, anything, Deadline.after(60))

    async def begin() -> None:
        waiting.send(None)

    loop.run_until_complete(begin())
    loop.close()
    assert store._listeners
    store.publish(news())
    waiting.close()
    assert store._listeners == []


def test_the_lock_lets_one_in_at_a_time(flavour: Flavour) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def scenario() -> None:
        io = flavour.io()
        lock = io.lock()

        async def visit(number: int) -> None:
            async with lock:
                inside.append(number)
                await io.sleep(0.005)
                most.append(len(inside))
                inside.remove(number)

        assert await flavour.together(*(visit(number) for number in range(4))) == [None] * 4

    flavour.run(scenario())
    assert most == [1] * 4


def test_the_lock_is_free_again_after_an_error(flavour: Flavour) -> None:
    async def scenario() -> None:
        lock = flavour.io().lock()

        async def fail() -> None:
            async with lock:
                raise KeyError

        async def succeed() -> str:
            async with lock:
                return "in"

        (error,) = await flavour.together(fail())
        assert isinstance(error, KeyError)
        assert await flavour.together(succeed()) == ["in"]

    flavour.run(scenario())


class after:  # noqa: N801 - reads as a word of the test
    """Do something in another thread after some seconds."""

    def __init__(self, seconds: float, function: Callable[[], object]) -> None:
        self._timer = threading.Timer(seconds, function)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.join()
