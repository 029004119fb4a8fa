from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Topology
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.waiting import wait_topology
from aws_advanced_python_wrapper.deadline import Deadline
from support.waiting import after

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.flavours import Flavour


def news(at: float = 1.0) -> Observation:
    return Observation("a:5432", "a", HostRole.WRITER, (), at)


def anything(topology: Topology) -> Topology:
    return topology


def nothing(topology: Topology) -> None:
    del topology


async def wait(
    flavour: Flavour, store: TopologyStore, accept: Callable[[Topology], object], deadline: Deadline
) -> object:
    return await wait_topology(flavour.io(), store, accept, deadline)


def test_waiting_finds_what_was_there_before(flavour: Flavour) -> None:
    store = TopologyStore()
    store.publish(news())
    found = flavour.run(wait(flavour, store, anything, Deadline.after(0)))
    assert found is store.current


@pytest.mark.parametrize("seconds", [60.0, float("inf")])
def test_waiting_hears_news_while_it_waits(flavour: Flavour, seconds: float) -> None:
    store = TopologyStore()
    with after(0.01, lambda: store.publish(news())):
        found = flavour.run(wait(flavour, store, anything, Deadline.after(seconds)))
    assert found is store.current


def test_waiting_goes_on_waiting_until_the_news_is_right(flavour: Flavour) -> None:
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
        assert flavour.run(wait(flavour, store, third, Deadline.after(60))) == "found"


@pytest.mark.parametrize("published", [True, False])
def test_waiting_ends_at_the_deadline(flavour: Flavour, published: bool) -> None:
    store = TopologyStore()
    if published:
        store.publish(news())
    began = time.monotonic()
    assert flavour.run(wait(flavour, store, nothing, Deadline.after(0.02))) is None
    assert time.monotonic() - began > 0.019


def test_waiting_leaves_no_listener_behind(flavour: Flavour) -> None:
    store = TopologyStore()

    def fail(topology: Topology) -> None:
        raise KeyError(topology.generation)

    flavour.run(wait(flavour, store, anything, Deadline.after(0)))
    store.publish(news())
    with pytest.raises(KeyError):
        flavour.run(wait(flavour, store, fail, Deadline.after(1)))
    assert store._listeners == []


def test_news_for_a_loop_that_is_closed_does_no_harm() -> None:
    store = TopologyStore()
    loop = asyncio.new_event_loop()
    waiting = wait_topology(AsyncioIo(), store, anything, Deadline.after(60))

    async def begin() -> None:
        waiting.send(None)

    loop.run_until_complete(begin())
    loop.close()
    assert store._listeners
    store.publish(news())
    waiting.close()
    assert store._listeners == []


def test_a_task_that_waits_in_a_loop_that_is_closed_is_collected() -> None:
    store = TopologyStore()
    loop = asyncio.new_event_loop()
    task = loop.create_task(wait_topology(AsyncioIo(), store, anything, Deadline.after(60)))
    loop.run_until_complete(asyncio.sleep(0))
    assert store._listeners
    loop.close()
    del loop, task
    gc.collect()
    assert store._listeners == []
