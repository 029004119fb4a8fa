from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.cluster.background import RefusedError
from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.monitor import Pace, TopologyMonitor
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Row
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PORT = 5432
QUICK = Pace(calm=0.01, searching=0.001)
SLOW_WHEN_CALM = Pace(calm=3600, searching=0.001)


class Cluster:
    """Hosts a (the writer), b and c for a monitor to ask; what they do is changed while it does."""

    def __init__(self, pace: Pace = QUICK, hosts: str = "abc") -> None:
        self.hosts = hosts
        self.writer = "a"
        self.down: set[str] = set()
        self.refusing: set[str] = set()
        self.wanted = True
        self.trouble: Callable[[str], None] = lambda _: None
        """Called with what is being done; may raise."""
        self.connects: Counter[str] = Counter()
        self.questions: Counter[str] = Counter()
        self.open = 0
        self.store = TopologyStore()
        self.store.publish(self.answer("a"))
        self.monitor = TopologyMonitor(self.store, self.connect, lambda: self.wanted, pace)

    def connect(self, host: HostInfo) -> Connection:
        self.trouble("connect")
        self.connects[host.host] += 1
        if host.host in self.refusing:
            raise RefusedError(host.host)
        if host.host in self.down:
            raise OSError(f"{host.host} is down")
        return Connection(self, host.host)

    def answer(self, host: str) -> Observation:
        rows = tuple(Row(name, name, PORT, is_writer=name == self.writer) for name in self.hosts)
        role = HostRole.WRITER if host == self.writer else HostRole.READER
        return Observation(f"{host}:{PORT}", host, role, rows, time.monotonic())

    @property
    def watched(self) -> set[str]:
        return {thread.name.removeprefix("topology ").partition(":")[0] for thread in self.monitor.threads}


class Connection:
    def __init__(self, cluster: Cluster, host: str) -> None:
        self._cluster = cluster
        self._host = host
        cluster.open += 1

    def observe(self) -> Observation:
        self._cluster.trouble("observe")
        self._cluster.questions[self._host] += 1
        if self._host in self._cluster.down:
            raise OSError(f"{self._host} is down")
        return self._cluster.answer(self._host)

    def close(self) -> None:
        self._cluster.open -= 1
        self._cluster.trouble("close")


@pytest.fixture
def clusters() -> Iterator[list[Cluster]]:
    clusters: list[Cluster] = []
    yield clusters
    for cluster in clusters:
        cluster.trouble = lambda _: None
        cluster.monitor.stop()
    for cluster in clusters:
        eventually(lambda: cluster.monitor.threads == ())  # noqa: B023 - evaluated here and now


@pytest.fixture
def cluster(clusters: list[Cluster]) -> Cluster:
    clusters.append(Cluster())
    return clusters[0]


@pytest.fixture
def sleepy(clusters: list[Cluster]) -> Cluster:
    """A cluster that is looked at once an hour when calm."""
    clusters.append(Cluster(SLOW_WHEN_CALM))
    return clusters[0]


def test_calm_one_thread_asks_the_writer_over_one_connection(cluster: Cluster) -> None:
    cluster.monitor.start()
    cluster.monitor.start()
    eventually(lambda: cluster.questions["a"] > 5)
    assert cluster.watched == {"a"}
    assert cluster.connects == Counter("a")
    assert set(cluster.questions) == {"a"}
    assert cluster.monitor.is_watching
    (thread,) = cluster.monitor.threads
    assert thread.daemon
    assert repr(cluster.monitor) == "<TopologyMonitor calm ['a:5432']>"


def test_before_it_is_started_nothing_runs(cluster: Cluster) -> None:
    assert cluster.monitor.threads == ()
    assert not cluster.monitor.is_watching


def test_nothing_runs_while_nothing_is_known() -> None:
    monitor = TopologyMonitor(TopologyStore(), lambda _: pytest.fail("nobody to ask"), lambda: True, QUICK)
    monitor.start()
    with monitor.search(time.monotonic()):
        assert monitor.threads == ()
    assert not monitor.is_watching


def test_a_search_asks_all_hosts_and_its_end_returns_to_calm(cluster: Cluster) -> None:
    cluster.monitor.start()
    with cluster.monitor.search(time.monotonic()):
        assert cluster.watched == {"a", "b", "c"}
        assert not cluster.monitor.is_watching
        eventually(lambda: min(cluster.questions[name] for name in "abc") > 3)
    eventually(lambda: cluster.watched == {"a"})
    eventually(lambda: cluster.open == 1)
    assert cluster.monitor.is_watching


def test_a_search_wakes_a_calm_thread_at_once(sleepy: Cluster) -> None:
    sleepy.monitor.start()
    since = time.monotonic()
    with sleepy.monitor.search(since):
        eventually(lambda: ((sleepy.store.current and sleepy.store.current.writer_verified_at) or 0) > since)


def test_a_later_search_wakes_threads_too(sleepy: Cluster) -> None:
    sleepy.monitor.start()
    for turn in range(1, 20):
        with sleepy.monitor.search(time.monotonic()):
            eventually(lambda: sleepy.questions["a"] >= turn)  # noqa: B023 - evaluated here and now


def test_the_search_of_one_caller_goes_on_when_anothers_ends(cluster: Cluster) -> None:
    cluster.monitor.start()
    with cluster.monitor.search(time.monotonic()):
        with cluster.monitor.search(time.monotonic()):
            pass
        asked = cluster.questions["b"]
        eventually(lambda: cluster.questions["b"] > asked + 3)
        assert cluster.watched == {"a", "b", "c"}


def test_a_search_works_though_no_connection_is_counted_in(cluster: Cluster) -> None:
    cluster.wanted = False
    with cluster.monitor.search(time.monotonic()):
        eventually(lambda: min(cluster.questions[name] for name in "abc") > 0)
    eventually(lambda: cluster.monitor.threads == ())
    eventually(lambda: cluster.open == 0)


def test_it_ends_when_nobody_wants_it_and_starts_again(cluster: Cluster) -> None:
    for _ in range(3):
        cluster.wanted = True
        cluster.monitor.start()
        eventually(lambda: cluster.open == 1)
        cluster.wanted = False
        eventually(lambda: cluster.monitor.threads == ())
        eventually(lambda: cluster.open == 0)


def test_a_pace_may_be_of_any_length(clusters: list[Cluster]) -> None:
    never = Cluster(Pace(calm=1e15, searching=0.001))
    clusters.append(never)
    never.monitor.start()
    (thread,) = never.monitor.threads
    thread.join(0.05)
    assert thread.is_alive()
    with never.monitor.search(time.monotonic()):
        eventually(lambda: min(never.questions[name] for name in "abc") > 1)


def test_stop_ends_calm_threads_at_once(sleepy: Cluster) -> None:
    sleepy.monitor.start()
    (thread,) = sleepy.monitor.threads
    sleepy.monitor.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert sleepy.monitor.threads == ()
    sleepy.monitor.start()
    assert sleepy.watched == {"a"}


def test_stop_leaves_nobody_waiting_who_searches(cluster: Cluster) -> None:
    cluster.down = set("abc")
    since = time.monotonic()
    with cluster.monitor.search(since):
        eventually(lambda: cluster.watched == set("abc"))
        cluster.monitor.stop()
        cluster.down.clear()
        eventually(lambda: cluster.store.look(lambda topology: (topology.writer_verified_at or 0) > since))
    eventually(lambda: cluster.monitor.threads == ())


def test_start_right_after_stop_leaves_one_thread_running(cluster: Cluster) -> None:
    for _ in range(50):
        cluster.monitor.start()
        cluster.monitor.stop()
    cluster.monitor.start()
    asked = cluster.questions["a"]
    eventually(lambda: cluster.questions["a"] > asked + 2)
    assert cluster.watched == {"a"}
    eventually(lambda: sum(t.name.startswith("topology a:") for t in threading.enumerate()) == 1)


def test_a_lost_writer_is_searched_for_though_nobody_has_asked(cluster: Cluster) -> None:
    cluster.monitor.start()
    eventually(lambda: cluster.questions["a"] > 0)
    cluster.down.add("a")
    eventually(lambda: cluster.watched == {"a", "b", "c"})
    host = cluster.store.current and cluster.store.current.find(f"a:{PORT}")
    assert host
    assert host.availability is HostAvailability.UNAVAILABLE
    cluster.writer = "b"
    eventually(lambda: cluster.watched == {"a", "b"})  # nobody would learn otherwise that a is back
    assert cluster.monitor.is_watching
    cluster.down.clear()
    eventually(lambda: cluster.watched == {"b"})


def availability(cluster: Cluster, host: str) -> HostAvailability | None:
    found = cluster.store.current and cluster.store.current.find(f"{host}:{PORT}")
    return found.availability if found else None


def test_a_host_that_is_unavailable_is_asked_until_it_answers(cluster: Cluster) -> None:
    cluster.down.add("c")
    cluster.store.mark_unavailable(f"c:{PORT}")
    cluster.monitor.start()
    assert cluster.watched == {"a", "c"}
    eventually(lambda: cluster.connects["c"] > 3)
    assert availability(cluster, "c") is HostAvailability.UNAVAILABLE
    assert cluster.monitor.is_watching
    cluster.down.clear()
    eventually(lambda: availability(cluster, "c") is HostAvailability.AVAILABLE)
    eventually(lambda: cluster.watched == {"a"})
    eventually(lambda: cluster.open == 1)
    assert cluster.questions["b"] == 0


def test_a_host_that_is_lost_later_is_asked_from_the_next_turn_on(cluster: Cluster) -> None:
    cluster.monitor.start()
    eventually(lambda: cluster.questions["a"] > 0)
    cluster.store.mark_unavailable(f"b:{PORT}")
    eventually(lambda: availability(cluster, "b") is HostAvailability.AVAILABLE)
    assert cluster.questions["c"] == 0


def test_an_unavailable_host_is_asked_at_once_and_then_at_the_calm_pace(sleepy: Cluster) -> None:
    sleepy.down.add("c")
    sleepy.store.mark_unavailable(f"c:{PORT}")
    sleepy.monitor.start()
    eventually(lambda: sleepy.connects["c"] == 1)
    time.sleep(50 * SLOW_WHEN_CALM.searching)
    assert sleepy.connects["c"] == 1
    assert sleepy.questions["a"] == 0  # whoever started the monitor has just asked the writer


def test_an_unavailable_host_that_is_removed_is_asked_no_longer(cluster: Cluster) -> None:
    cluster.down.add("c")
    cluster.store.mark_unavailable(f"c:{PORT}")
    cluster.monitor.start()
    cluster.hosts = "ab"
    eventually(lambda: cluster.watched == {"a"})


def test_a_member_that_joins_is_asked_and_one_that_leaves_is_not(cluster: Cluster) -> None:
    with cluster.monitor.search(time.monotonic()):
        eventually(lambda: cluster.questions["a"] > 0)
        cluster.hosts = "acd"
        eventually(lambda: cluster.watched == {"a", "c", "d"})
        eventually(lambda: cluster.questions["d"] > 0)


def test_a_host_that_refuses_is_asked_seldom_and_the_others_are_not(cluster: Cluster) -> None:
    cluster.refusing.add("b")
    with cluster.monitor.search(time.monotonic()):
        eventually(lambda: cluster.questions["c"] > 30)
        assert cluster.connects["b"] == 1


def test_a_host_that_stops_refusing_is_asked_as_often_as_the_others(sleepy: Cluster) -> None:
    sleepy.refusing.add("b")
    with sleepy.monitor.search(time.monotonic()):
        eventually(lambda: sleepy.connects["b"] == 1)
    sleepy.refusing.clear()
    with sleepy.monitor.search(time.monotonic()):  # a new search wakes even those that were refused
        eventually(lambda: sleepy.questions["b"] > 10)


@pytest.mark.parametrize("place", ["connect", "observe", "close"])
@pytest.mark.parametrize("error", [OSError, RuntimeError, RefusedError, StopIteration, MemoryError])
def test_an_error_ends_the_connection_it_came_from_and_nothing_else(
    cluster: Cluster, place: str, error: type[Exception]
) -> None:
    troubled = threading.Event()

    def trouble(doing: str) -> None:
        if doing == place and not troubled.is_set():
            troubled.set()
            raise error("trouble")

    cluster.trouble = trouble
    cluster.monitor.start()
    eventually(lambda: place == "close" or troubled.is_set())
    if place == "close":
        eventually(lambda: cluster.questions["a"] > 0)
        cluster.down.add("a")
        eventually(troubled.is_set)
        cluster.down.clear()
    with cluster.monitor.search(time.monotonic()):
        asked = cluster.questions["a"]
        eventually(lambda: cluster.questions["a"] > asked + 2)


def test_random_trouble_for_a_second_leaves_it_alive(cluster: Cluster) -> None:
    chance = random.Random(7)  # noqa: S311 - reproducible
    errors = [OSError, ValueError, StopIteration, KeyError, RuntimeError, TypeError]

    def trouble(doing: str) -> None:
        if chance.random() < (0.5 if doing == "close" else 0.2):
            raise chance.choice(errors)(doing)

    before = threading.active_count()
    cluster.trouble = trouble
    cluster.monitor.start()
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        with cluster.monitor.search(time.monotonic()):
            time.sleep(0.01)
        cluster.writer = chance.choice("abc")
        assert threading.active_count() <= before + 3
    cluster.trouble = lambda _: None
    with cluster.monitor.search(time.monotonic()):
        asked = Counter(cluster.questions)
        eventually(lambda: min(cluster.questions[name] - asked[name] for name in "abc") > 2)
    eventually(lambda: cluster.watched == {cluster.writer})
    eventually(lambda: cluster.open == 1)
    assert threading.active_count() == before + 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_a_log_handler_ends_is_replaced(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    def raises(_: logging.LogRecord) -> bool:
        raise ValueError("a filter of the program's")

    logger = logging.getLogger(TopologyMonitor.__module__)
    cluster.down = {"a"}
    with caplog.at_level(logging.DEBUG, logger.name):
        logger.addFilter(raises)
        cluster.monitor.start()
        eventually(lambda: cluster.connects["a"])
        eventually(lambda: not any(thread.is_alive() for thread in cluster.monitor.threads))
        logger.removeFilter(raises)
    cluster.down.clear()
    with cluster.monitor.search(time.monotonic()):
        eventually(lambda: min(cluster.questions[name] for name in "abc") > 2)


def test_a_cluster_that_is_lost_for_good_is_asked_ever_less(cluster: Cluster) -> None:
    cluster.down.update("abc")
    cluster.monitor.start()
    eventually(lambda: cluster.connects.total() > 50)
    seconds = 0.3
    time.sleep(seconds)
    count = cluster.connects.total()
    time.sleep(seconds)
    assert cluster.connects.total() - count < 3 * seconds / QUICK.searching / 2
    cluster.down.clear()
    with cluster.monitor.search(time.monotonic()):
        eventually(lambda: cluster.questions.total() > 0)


def test_a_process_without_room_for_threads_goes_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread", thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_room)
        cluster.monitor.start()
        assert cluster.monitor.threads == ()
    assert "no thread can be started for the topology of a" in caplog.text
    cluster.monitor.start()
    eventually(lambda: cluster.questions["a"] > 0)


FORKING = """
import os, signal, sys, time
import test_monitor as t

cluster = t.Cluster()
os.register_at_fork(after_in_child=lambda: (cluster.store.after_fork(), cluster.monitor.after_fork()))
cluster.monitor.start()
t.eventually(lambda: cluster.questions["a"] > 2)
with cluster.monitor.search(time.monotonic()):
    for turn in range(5):
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            cluster.questions.clear()
            assert cluster.monitor.threads == ()
            cluster.monitor.start()
            t.eventually(lambda: cluster.questions["a"] > 2)
            assert cluster.watched >= {"a"}
            with cluster.monitor.search(time.monotonic()):
                t.eventually(lambda: min(cluster.questions[name] for name in "abc") > 2)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
t.eventually(lambda: cluster.watched == {"a"})
asked = cluster.questions["a"]
t.eventually(lambda: cluster.questions["a"] > asked)
"""


def test_a_forked_child_starts_clean_and_the_parent_goes_on() -> None:
    here = os.path.dirname(__file__)  # noqa: PTH120 - a search path is text
    path = os.pathsep.join([here, os.path.dirname(here)])  # noqa: PTH120
    subprocess.run([sys.executable, "-c", FORKING], check=True, timeout=30, env={**os.environ, "PYTHONPATH": path})
