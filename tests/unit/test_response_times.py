from __future__ import annotations

import gc
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
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.response_times import ResponseTimes, round_trip
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Row
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PORT = 5432


class Cluster:
    """Hosts that are measured; what they do is changed while they are."""

    def __init__(self) -> None:
        self.store = TopologyStore()
        self.times = ResponseTimes(self.store)
        self.seconds: dict[str, float] = {}
        self.trouble: Callable[[str, str], None] = lambda *_: None
        """Called with what is being done and the host's name; may raise or wait."""
        self.connects: Counter[str] = Counter()
        self.pings: Counter[str] = Counter()
        self.open = 0
        self.members("abc")

    def members(self, hosts: str) -> None:
        rows = tuple(Row(name, name, PORT, is_writer=name == "a") for name in hosts)
        self.store.publish(Observation(f"a:{PORT}", "a", HostRole.WRITER, rows, time.monotonic()))

    def measured(self) -> str:
        return "".join(name for name in "abcd" if self.times.of(f"{name}:{PORT}") is not None)

    @property
    def watched(self) -> str:
        names = (thread.name.removeprefix("response time ").partition(":")[0] for thread in self.times.threads)
        return "".join(sorted(names))


class Wanting:
    """A connection of the program's that wants to know."""

    def __init__(self, cluster: Cluster, interval: float = 0.01, key: str = "app") -> None:
        self.cluster = cluster
        self.interval = interval
        self.key = key

    def connect(self, host: HostInfo) -> Pinger:
        self.cluster.connects[f"{self.key}@{host.host}"] += 1
        if self.key == "refused":
            raise RefusedError(host.host)
        self.cluster.trouble("connect", host.host)
        return Pinger(self.cluster, host.host)


class Pinger:
    def __init__(self, cluster: Cluster, host: str) -> None:
        self.cluster = cluster
        self.host = host
        cluster.open += 1

    def ping(self) -> None:
        self.cluster.trouble("ping", self.host)
        time.sleep(self.cluster.seconds.get(self.host, 0.0))
        self.cluster.pings[self.host] += 1

    def close(self) -> None:
        self.cluster.open -= 1
        self.cluster.trouble("close", self.host)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.trouble = lambda *_: None
    cluster.times.stop()
    eventually(lambda: cluster.times.threads == ())
    assert cluster.open == 0


def test_nothing_runs_before_somebody_wants_to_know(cluster: Cluster) -> None:
    assert cluster.times.threads == ()
    assert cluster.measured() == ""


def test_each_host_is_measured_by_one_thread_over_one_connection(cluster: Cluster) -> None:
    wanting = [Wanting(cluster), Wanting(cluster)]
    for one in wanting:
        cluster.times.join(one)
    eventually(lambda: min(cluster.pings[name] for name in "abc") > 20)
    assert cluster.watched == "abc"
    assert cluster.connects == {"app@a": 1, "app@b": 1, "app@c": 1}
    eventually(lambda: cluster.measured() == "abc")
    assert all(thread.daemon for thread in cluster.times.threads)
    assert repr(cluster.times) == f"<ResponseTimes {[f'{name}:{PORT}' for name in 'abc']}>"


def test_a_host_that_becomes_slow_is_found_to_be(cluster: Cluster) -> None:
    wanting = Wanting(cluster)
    cluster.times.join(wanting)
    eventually(lambda: cluster.measured() == "abc")
    cluster.seconds["b"] = 0.05
    eventually(lambda: (cluster.times.of(f"b:{PORT}") or 0) >= 0.05)
    eventually(lambda: (cluster.times.of(f"a:{PORT}") or 1) < 0.05)


def test_a_single_slow_answer_is_not_taken_for_the_hosts_pace() -> None:
    cluster = Cluster()
    pauses = [0.1, 0, 0, 0, 0]
    cluster.trouble = lambda *_: time.sleep(pauses.pop(0))
    assert round_trip(Pinger(cluster, "a")) < 0.05
    assert pauses == []


def test_a_round_with_a_very_slow_host_is_short() -> None:
    cluster = Cluster()
    cluster.seconds["a"] = 0.6
    assert round_trip(Pinger(cluster, "a")) > 0.5
    assert cluster.pings["a"] == 2


def test_a_host_that_fails_has_no_result_until_it_answers_again(cluster: Cluster) -> None:
    wanting = Wanting(cluster)
    cluster.times.join(wanting)
    eventually(lambda: cluster.measured() == "abc")

    def trouble(doing: str, host: str) -> None:
        if host == "b" and doing == "ping":
            raise OSError("gone")

    cluster.trouble = trouble
    eventually(lambda: cluster.measured() == "ac")
    eventually(lambda: cluster.connects["app@b"] > 3)
    cluster.trouble = lambda *_: None
    eventually(lambda: cluster.measured() == "abc")


def test_a_host_that_hangs_loses_its_result(cluster: Cluster) -> None:
    wanting, release = Wanting(cluster), threading.Event()
    cluster.times.join(wanting)
    eventually(lambda: cluster.measured() == "abc")

    def hang(_doing: str, host: str) -> None:
        if host == "b":
            release.wait()

    cluster.trouble = hang
    eventually(lambda: cluster.measured() == "ac")
    release.set()
    eventually(lambda: cluster.measured() == "abc")


def test_members_that_join_are_measured_and_those_that_leave_are_not(cluster: Cluster) -> None:
    wanting = Wanting(cluster)
    cluster.times.join(wanting)
    cluster.members("acd")
    eventually(lambda: cluster.measured() == "acd")
    eventually(lambda: cluster.watched == "acd")
    eventually(lambda: cluster.open == 3)


def test_it_ends_with_the_last_that_wants_to_know_and_begins_again(cluster: Cluster) -> None:
    for _ in range(3):
        first, second = Wanting(cluster, interval=60), Wanting(cluster, interval=60)
        cluster.times.join(first)
        cluster.times.join(second)
        eventually(lambda: cluster.measured() == "abc")
        cluster.times.leave(first)
        assert cluster.watched == "abc"
        cluster.times.leave(second)
        eventually(lambda: cluster.times.threads == ())
        assert cluster.measured() == ""
        eventually(lambda: cluster.open == 0)


def test_one_that_is_dropped_counts_no_more(cluster: Cluster) -> None:
    cluster.times.join(Wanting(cluster))
    gc.collect()
    eventually(lambda: cluster.times.threads == ())


def test_the_shortest_interval_counts_and_at_once(cluster: Cluster) -> None:
    patient, impatient = Wanting(cluster, interval=1e12), Wanting(cluster)
    cluster.times.join(patient)
    eventually(lambda: cluster.measured() == "abc")
    assert max(cluster.pings.values()) == 5
    cluster.times.join(impatient)
    eventually(lambda: min(cluster.pings[name] for name in "abc") > 20)


def test_credentials_that_are_refused_are_no_hindrance_to_others(cluster: Cluster) -> None:
    wanting = [Wanting(cluster, key="refused"), Wanting(cluster, key="refused"), Wanting(cluster)]
    for one in wanting:
        cluster.times.join(one)
    eventually(lambda: cluster.measured() == "abc")


def test_refused_by_all_there_is_no_result(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    refused = [Wanting(cluster, key="refused"), Wanting(cluster, key="refused")]
    with caplog.at_level(logging.DEBUG, ResponseTimes.__module__):
        for one in refused:
            cluster.times.join(one)
        eventually(lambda: cluster.connects["refused@a"] > 2)
    assert "accepts the credentials of none of 1 users" in caplog.text
    assert caplog.text.count(f"of a:{PORT} is not known") == 1  # told once for as long as it is so
    assert cluster.measured() == ""


def test_random_trouble_leaves_it_alive(cluster: Cluster) -> None:
    chance = random.Random(7)  # noqa: S311 - reproducible
    errors = [OSError, ValueError, StopIteration, KeyError, RuntimeError, MemoryError, RefusedError]

    def trouble(doing: str, host: str) -> None:
        if chance.random() < 0.3:
            raise chance.choice(errors)(doing, host)

    before = threading.active_count()
    cluster.trouble = trouble
    wanting = Wanting(cluster, interval=0.001)
    cluster.times.join(wanting)
    eventually(lambda: min(cluster.connects[f"app@{name}"] for name in "abc") > 50)
    assert threading.active_count() == before + 3
    cluster.trouble = lambda *_: None
    eventually(lambda: cluster.measured() == "abc")
    eventually(lambda: cluster.open == 3)


def test_a_process_without_room_for_threads_goes_on(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread", thread)

    wanting = Wanting(cluster)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_room)
        cluster.times.join(wanting)
        assert cluster.times.threads == ()
    cluster.times.join(wanting)
    eventually(lambda: cluster.measured() == "abc")


FORKING = """
import os, signal
import test_response_times as t

cluster = t.Cluster()
os.register_at_fork(after_in_child=lambda: (cluster.store.after_fork(), cluster.times.after_fork()))
wanting = t.Wanting(cluster)
cluster.times.join(wanting)
t.eventually(lambda: cluster.measured() == "abc")
for turn in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        assert cluster.times.threads == ()
        assert cluster.measured() == ""
        cluster.times.join(wanting)
        t.eventually(lambda: cluster.measured() == "abc")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
pings = cluster.pings["a"]
t.eventually(lambda: cluster.pings["a"] > pings)
"""


def test_a_forked_child_starts_clean_and_the_parent_goes_on() -> None:
    here = os.path.dirname(__file__)  # noqa: PTH120 - a search path is text
    path = os.pathsep.join([here, os.path.dirname(here), *sys.path])  # noqa: PTH120
    subprocess.run([sys.executable, "-c", FORKING], check=True, timeout=30, env={**os.environ, "PYTHONPATH": path})
