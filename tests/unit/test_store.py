from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostRole
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Topology
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.waiting import wait_topology
from aws_advanced_python_wrapper.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable


def writer(at: float, address: str = "a:5432") -> Observation:
    return Observation(address, address[0], HostRole.WRITER, (), at)


def wait(store: TopologyStore, accept: Callable[[Topology], Topology | None], deadline: Deadline) -> Topology | None:
    return run(wait_topology(BlockingIo(), store, accept, deadline))


def verified_at(moment: float) -> Callable[[Topology], Topology | None]:
    return lambda topology: topology if topology.writer_verified_at == moment else None


def test_a_new_store_knows_nothing() -> None:
    store = TopologyStore()
    assert store.current is None
    assert store.look(verified_at(1)) is None
    store.mark_unavailable("a:5432")
    assert store.current is None
    assert repr(store) == "<TopologyStore None>"


def test_what_is_published_is_current() -> None:
    store = TopologyStore()
    first = store.publish(writer(1))
    assert store.current is first
    second = store.publish(writer(2))
    assert store.current is second
    assert store.look(verified_at(2)) is second
    assert store.look(verified_at(1)) is None


def test_late_news_changes_nothing_and_wakes_nobody() -> None:
    store = TopologyStore()
    newest = store.publish(writer(2))
    woken = []
    with store.listener(lambda: woken.append(1)):
        assert store.publish(writer(1)) is newest
        assert store.current is newest
        store.mark_unavailable("nobody:1")
    assert woken == []


def test_an_unavailable_host_is_available_once_it_answers() -> None:
    store = TopologyStore()
    store.publish(writer(1))
    store.mark_unavailable("a:5432")
    (host,) = store.current.hosts if store.current else ()
    assert host.availability is HostAvailability.UNAVAILABLE
    assert store.publish(writer(2)).hosts[0].availability is HostAvailability.AVAILABLE


def test_listeners_are_called_after_each_change_while_they_listen() -> None:
    store = TopologyStore()
    seen: list[Topology | None] = []
    with store.listener(lambda: seen.append(store.current)):
        first = store.publish(writer(1))
        with store.listener(lambda: seen.append(None)):
            second = store.publish(writer(2))
    store.publish(writer(3))
    assert seen == [first, second, None]


def test_followers_are_told_of_changes_only_and_in_a_forked_child_too() -> None:
    store = TopologyStore()
    seen: list[Topology | None] = []
    store.follow(lambda: seen.append(store.current))
    first = store.publish(writer(2))
    store.publish(writer(1))
    store.wake()
    store.after_fork()
    second = store.publish(writer(3))
    assert seen == [first, second]


def test_listeners_run_without_the_lock() -> None:
    store = TopologyStore()
    others: list[Topology | None] = []

    def use_the_store_elsewhere() -> None:
        thread = threading.Thread(
            target=lambda: others.append(wait(store, lambda topology: topology, Deadline.after(5)))
        )
        thread.start()
        thread.join(5)

    with store.listener(use_the_store_elsewhere):
        topology = store.publish(writer(1))
    assert others == [topology]


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_wait_ends_at_the_deadline(seconds: float) -> None:
    store = TopologyStore()
    store.publish(writer(1))
    assert wait(store, verified_at(2), Deadline.after(seconds)) is None


@pytest.mark.parametrize("deadline", [Deadline.after(1e10), Deadline.never()], ids=repr)
def test_wait_may_be_asked_to_wait_for_any_time(deadline: Deadline) -> None:
    store = TopologyStore()
    timer = threading.Timer(0.01, lambda: store.publish(writer(1)))
    timer.start()
    assert wait(store, verified_at(1), deadline) is store.current
    timer.join()


def test_an_error_of_the_question_leaves_the_store_usable() -> None:
    store = TopologyStore()
    store.publish(writer(1))

    def fail(topology: Topology) -> Topology | None:
        raise KeyError(topology.generation)

    with pytest.raises(KeyError):
        wait(store, fail, Deadline.after(1))
    assert store.publish(writer(2)) is store.current


def test_no_wake_up_is_lost() -> None:
    """Each waiter waits for its own piece of news, of which there is one: who misses it waits out the deadline."""
    store = TopologyStore()
    rounds, waiters = 150, 8
    missed: list[tuple[int, int]] = []
    ready = threading.Barrier(waiters + 1)

    def wait_each_turn(number: int) -> None:
        for turn in range(rounds):
            ready.wait(10)
            if wait(store, verified_at(turn + 1), Deadline.after(5)) is None:
                missed.append((turn, number))

    threads = [threading.Thread(target=wait_each_turn, args=(number,)) for number in range(waiters)]
    for thread in threads:
        thread.start()
    for turn in range(rounds):
        ready.wait(10)
        store.publish(writer(turn + 1))
    for thread in threads:
        thread.join()
    assert missed == []


def test_many_publishers_lose_no_news() -> None:
    store = TopologyStore()
    publishers, turns = 8, 100

    def publish(number: int) -> None:
        for turn in range(turns):
            store.publish(writer(turn, f"{number}:5432"))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.current is not None
    assert store.current.writer_verified_at == turns - 1
    assert sum(host.role is HostRole.WRITER for host in store.current.hosts) == 1


def test_a_forked_child_has_no_listeners_and_a_free_lock() -> None:
    store = TopologyStore()
    topology = store.publish(writer(1))
    store._listeners.append(lambda: pytest.fail("this listener is the parent's"))
    held, release = threading.Event(), threading.Event()

    def hold_the_lock() -> None:
        with store._lock:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold_the_lock)
    thread.start()
    held.wait(10)
    store.after_fork()
    assert store.current is topology
    assert store.publish(writer(2)) is store.current
    release.set()
    thread.join()
