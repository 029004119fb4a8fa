from __future__ import annotations

import gc
import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation
from aws_advanced_python_wrapper.cluster.tracking import ConnectionTracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

A, B, C = "a:5432", "b:5432", "c:5432"


class Connection:
    """Says for itself whether it ends, as a session does."""

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self.ended = threading.Event()
        self.before_end: Callable[[], object] = lambda: None

    def end_unless_at(self, writer: str) -> bool:
        if writer == self.writer:
            return False
        self.before_end()
        self.ended.set()
        return True


class Cluster:
    """A store, its tracker, and hosts that say who they are."""

    def __init__(self) -> None:
        self.store = TopologyStore()
        self.tracker = ConnectionTracker(self.store)
        self.at = 0.0

    def says(self, address: str, role: HostRole) -> None:
        self.at += 1
        self.store.publish(Observation(address, address[0], role, (), self.at))

    def connection(self, address: str) -> Connection:
        connection = Connection(address)
        self.tracker.add(connection)
        return connection


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster whose writer is A; no thread of the tracker's is left after the test."""
    cluster = Cluster()
    cluster.says(A, HostRole.WRITER)
    yield cluster
    for thread in trackers_threads():
        thread.join(5)
        assert not thread.is_alive()


def trackers_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "connection tracker"]


def test_connections_to_a_former_writer_end_when_another_host_says_that_it_is_the_writer(cluster: Cluster) -> None:
    connections = [cluster.connection(A) for _ in range(500)]
    cluster.says(B, HostRole.READER)
    assert trackers_threads() == []
    cluster.says(B, HostRole.WRITER)
    assert all(connection.ended.wait(5) for connection in connections)


def test_connections_to_the_writer_stay(cluster: Cluster) -> None:
    cluster.says(B, HostRole.WRITER)
    connection = cluster.connection(B)
    cluster.says(B, HostRole.WRITER)
    cluster.says(A, HostRole.READER)
    assert trackers_threads() == []
    assert not connection.ended.is_set()


def test_a_writer_that_is_only_said_to_be_one_by_others_changes_nothing(cluster: Cluster) -> None:
    connection = cluster.connection(A)
    cluster.says(A, HostRole.READER)
    cluster.says(B, HostRole.READER)
    topology = cluster.store.current
    assert topology is not None
    assert topology.writer_verified_at is None
    assert trackers_threads() == []
    assert not connection.ended.is_set()


def test_a_connection_whose_writer_was_replaced_before_it_was_added_ends_at_once(cluster: Cluster) -> None:
    cluster.says(B, HostRole.WRITER)
    assert cluster.connection(A).ended.is_set()
    assert not cluster.connection(B).ended.is_set()


def test_before_any_writer_is_known_a_connection_stays() -> None:
    assert not Cluster().connection(A).ended.is_set()


def test_the_publisher_does_not_wait_for_the_connections_to_end(cluster: Cluster) -> None:
    connection, go_on = cluster.connection(A), threading.Event()
    connection.before_end = lambda: go_on.wait(10)
    cluster.says(B, HostRole.WRITER)
    assert not connection.ended.is_set()
    cluster.says(B, HostRole.WRITER)
    go_on.set()
    assert connection.ended.wait(5)


def test_the_writer_of_the_moment_decides_and_not_the_one_that_woke_the_tracker(cluster: Cluster) -> None:
    first, go_on = cluster.connection(A), threading.Event()
    first.before_end = lambda: go_on.wait(10)
    cluster.says(B, HostRole.WRITER)
    cluster.says(C, HostRole.WRITER)
    of_c = Connection(C)
    cluster.tracker.add(of_c)
    of_b = cluster.connection(B)
    go_on.set()
    assert first.ended.wait(5)
    assert of_b.ended.is_set()
    for thread in trackers_threads():
        thread.join(5)
    assert not of_c.ended.is_set()


@pytest.mark.parametrize("error", [ReferenceError("collected"), OSError("no descriptor left")], ids=repr)
def test_an_error_of_one_connection_spares_no_other_and_does_not_reach_the_publisher(
    cluster: Cluster, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    connections = [cluster.connection(A) for _ in range(3)]
    for broken in (cluster.connection(A) for _ in range(3)):
        broken.before_end = fail
        connections.append(broken)
    with caplog.at_level(logging.WARNING):
        cluster.says(B, HostRole.WRITER)
        assert all(connection.ended.wait(5) for connection in connections[:3])
        for thread in trackers_threads():
            thread.join(5)
    assert all("no descriptor left" in message for message in caplog.messages)
    assert len(caplog.messages) == (0 if isinstance(error, ReferenceError) else 3)


def test_where_no_thread_can_be_started_the_publisher_does_the_work(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start {thread.name}")

    connection = cluster.connection(A)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    cluster.says(B, HostRole.WRITER)
    assert connection.ended.is_set()


def test_a_discarded_connection_is_left_alone(cluster: Cluster) -> None:
    discarded, tracked = cluster.connection(A), cluster.connection(A)
    cluster.tracker.discard(discarded)
    cluster.says(B, HostRole.WRITER)
    assert tracked.ended.wait(5)
    assert not discarded.ended.is_set()


def test_a_dropped_connection_leaves_nothing_behind(cluster: Cluster) -> None:
    gc.disable()
    try:
        for _ in range(100):
            cluster.connection(A)
        assert repr(cluster.tracker) == "<ConnectionTracker 0 connections, writer a:5432>"
    finally:
        gc.enable()
    cluster.says(B, HostRole.WRITER)
    assert trackers_threads() == []


def test_a_forked_child_tracks_what_is_added_there_although_a_parents_thread_holds_the_lock(cluster: Cluster) -> None:
    parents = cluster.connection(A)
    held, release = threading.Event(), threading.Event()

    def hold_the_lock() -> None:
        with cluster.tracker._lock:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold_the_lock)
    thread.start()
    held.wait(10)
    cluster.store.after_fork()
    cluster.tracker.after_fork()
    connection = cluster.connection(A)
    cluster.says(B, HostRole.WRITER)
    assert connection.ended.wait(5)
    assert not parents.ended.is_set()
    release.set()
    thread.join()


def test_no_connection_is_missed_while_the_writer_changes(cluster: Cluster) -> None:
    """Each is added at a moment of its own, before, while and after the news is published."""
    for turn in range(50):
        old, new = (A, B) if turn % 2 == 0 else (B, A)
        connections: list[Connection] = []
        ready = threading.Barrier(5)

        def add(old: str = old, ready: threading.Barrier = ready, mine: list[Connection] = connections) -> None:
            ready.wait(10)
            for _ in range(20):
                connection = Connection(old)
                mine.append(connection)
                cluster.tracker.add(connection)

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.wait(10)
        time.sleep(0)
        cluster.says(new, HostRole.WRITER)
        for thread in threads:
            thread.join()
        assert all(connection.ended.wait(5) for connection in connections)
