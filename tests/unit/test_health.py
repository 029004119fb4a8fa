"""The threads that watch hosts, with callers and probes that follow a script."""

from __future__ import annotations

import gc
import itertools
import logging
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.cluster import health
from aws_advanced_python_wrapper.cluster.health import HostWatchers
from aws_advanced_python_wrapper.cluster.silence import Patience, Silence
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ADDRESS = "10.0.0.1:5432"
QUICK = Patience(time=0.02, interval=0.01, count=3, disposal=0.0)
SLOW = Patience(time=60, interval=5, count=3, disposal=60)


class Server:
    """Answers checks as the script says, then as `answers` says; counts probes."""

    def __init__(self) -> None:
        self.script: list[bool | Exception] = []
        self.answers: bool | Exception = True
        self.checks = 0
        self.limits: set[float] = set()
        self.opened_by: list[Client] = []
        self.probes = 0
        self.most_probes = 0
        self.before_answer: Callable[[], None] = lambda: None

    def check(self, seconds: float) -> bool:
        self.checks += 1
        self.limits.add(seconds)
        self.before_answer()
        answer = self.script.pop(0) if self.script else self.answers
        if isinstance(answer, Exception):
            raise answer
        return answer


class Probe:
    def __init__(self, server: Server) -> None:
        self._server = server
        server.probes += 1
        server.most_probes = max(server.most_probes, server.probes)

    def check(self, seconds: float) -> bool:
        return self._server.check(seconds)

    def close(self) -> None:
        self._server.probes -= 1


class Client:
    """A connection; a call that is given up returns at once."""

    def __init__(self, server: Server, patience: Patience = QUICK) -> None:
        self.server = server
        self.patience = patience
        self.running: Sequence[float] = []
        self.given_up_at: list[float] = []
        self.given_up_after_checks = 0
        self.kept_alive = 0
        self.hears = False
        self.asked_for: list[float] = []

    def call(self) -> float:
        began = time.monotonic()
        self.running = [*self.running, began]
        return began

    def end(self) -> None:
        self.running = []

    def open_probe(self) -> Probe:
        self.server.opened_by.append(self)
        return Probe(self.server)

    def keep_alive(self) -> None:
        self.kept_alive += 1

    def has_heard(self, seconds: float) -> bool:
        self.asked_for.append(seconds)
        return self.hears

    def give_up(self, began: float) -> None:
        assert began in self.running
        self.given_up_at.append(time.monotonic())
        self.given_up_after_checks = self.server.checks
        self.running = [other for other in self.running if other != began]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("host ")]


@pytest.fixture
def watchers() -> Iterator[HostWatchers]:
    watchers = HostWatchers()
    yield watchers
    watchers.clear()
    eventually(lambda: not threads())


@pytest.fixture
def server() -> Server:
    return Server()


def connected(watchers: HostWatchers, server: Server, patience: Patience = QUICK, address: str = ADDRESS) -> Client:
    client = Client(server, patience)
    watchers.join(address, client)
    return client


# When a host is checked


def test_nothing_is_checked_while_no_call_lasts_long(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server, Patience(time=5, interval=0.01, count=1, disposal=0))
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        client.call()
        client.end()
    assert server.opened_by == []


def test_a_call_that_lasts_long_on_a_healthy_host_is_left_alone(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server)
    began = client.call()
    eventually(lambda: server.checks > 10)
    assert client.running == [began]
    assert (server.probes, len(server.opened_by)) == (1, 1)
    assert server.limits == {QUICK.interval}


def test_the_probe_is_closed_when_no_call_is_overdue_any_more(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server)
    client.call()
    eventually(lambda: server.checks > 2)
    client.end()
    eventually(lambda: server.probes == 0)
    client.call()
    eventually(lambda: server.probes == 1)


def test_the_call_itself_is_looked_at_not_the_connection(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server, Patience(time=0.05, interval=0.01, count=1, disposal=0))
    for _ in range(20):
        client.call()
        time.sleep(0.005)
        client.end()
    assert server.checks == 0


def test_of_several_calls_on_one_connection_each_has_its_own_time(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    client = connected(watchers, server, Patience(time=0.3, interval=0.01, count=1, disposal=0))
    client.call()
    time.sleep(0.2)
    second = client.call()
    eventually(lambda: client.given_up_at)
    assert client.running == [second]
    eventually(lambda: client.running == [])


def test_without_time_to_wait_calls_are_checked_soon(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server, Patience(time=0, interval=0.01, count=1, disposal=0))
    client.call()
    eventually(lambda: server.checks > 2)


def test_a_less_patient_newcomer_wakes_the_thread(watchers: HostWatchers, server: Server) -> None:
    connected(watchers, server, SLOW)
    time.sleep(0.05)  # the thread sleeps
    client = connected(watchers, server)
    client.call()
    eventually(lambda: server.checks > 2)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return a count whose next number is how often the thread has looked when a call could be overdue."""
    numbers = itertools.count()
    look = health.HostWatcher._pause

    def counted(self: health.HostWatcher, now: float) -> float:
        next(numbers)
        return look(self, now)

    monkeypatch.setattr(health.HostWatcher, "_pause", counted)
    return numbers


def test_newcomers_like_the_others_do_not_wake_the_thread(
    watchers: HostWatchers, server: Server, looks: Iterator[int]
) -> None:
    clients = []
    for _ in range(20):
        clients.append(connected(watchers, server, SLOW))
        time.sleep(0.002)
    for client in clients[1:]:
        watchers.leave(ADDRESS, client)
        time.sleep(0.002)
    assert next(looks) <= 2


def test_a_thread_that_looks_for_short_calls_rests_for_an_interval(
    watchers: HostWatchers, server: Server, looks: Iterator[int]
) -> None:
    client = connected(watchers, server, Patience(time=0.001, interval=5, count=1, disposal=0))
    time.sleep(0.1)
    assert next(looks) <= 2
    assert client.given_up_at == []


# When a host is given up


def test_a_silent_host_is_given_up_after_so_many_checks(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    client = connected(watchers, server)
    began = client.call()
    eventually(lambda: client.given_up_at)
    assert client.given_up_after_checks == QUICK.count
    assert client.given_up_at[0] - began >= QUICK.time + QUICK.count * QUICK.interval


def test_a_host_that_refuses_has_as_much_time_as_one_that_is_silent(watchers: HostWatchers, server: Server) -> None:
    server.answers = False  # at once, as a closed port does
    patience = Patience(time=0.01, interval=0.1, count=3, disposal=0)
    client = connected(watchers, server, patience)
    began = client.call()
    eventually(lambda: client.given_up_at)
    assert client.given_up_at[0] - began >= patience.time + 0.3


def test_one_answer_makes_up_for_all_silence_before(watchers: HostWatchers, server: Server) -> None:
    server.script = [False, False, True] * 20
    client = connected(watchers, server)
    client.call()
    eventually(lambda: not server.script)
    assert client.given_up_at == []


def test_a_check_that_could_not_be_made_is_neither_silence_nor_answer(watchers: HostWatchers, server: Server) -> None:
    error = OSError("too many open files")
    server.script = [error, False, error, error, False, error]
    server.answers = False
    client = connected(watchers, server)
    client.call()
    eventually(lambda: client.given_up_at)
    assert client.given_up_after_checks == 7


def test_a_host_that_cannot_be_checked_is_never_given_up(
    watchers: HostWatchers, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = OSError("too many open files")
    client = connected(watchers, server)
    client.call()
    eventually(lambda: server.checks > 20)
    assert client.given_up_at == []
    assert [record.getMessage() for record in caplog.records] == [f"cannot check {ADDRESS}: too many open files"]


def test_a_process_that_was_held_up_itself_does_not_blame_the_host(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    server.before_answer = lambda: time.sleep(5 * QUICK.interval)
    client = connected(watchers, server, Patience(QUICK.time, QUICK.interval, 1, 0))
    client.call()
    eventually(lambda: server.checks > 10)
    assert client.given_up_at == []
    server.before_answer = lambda: None
    eventually(lambda: client.given_up_at)


def test_everybody_is_given_as_much_time_as_they_allow(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    patient = Patience(time=0.01, interval=0.05, count=4, disposal=0)
    clients = {
        "quick": connected(watchers, server),
        "patient": connected(watchers, server, patient),
        "not overdue": connected(watchers, server, Patience(time=60, interval=0.01, count=1, disposal=0)),
    }
    began = {name: client.call() for name, client in clients.items()}
    eventually(lambda: clients["quick"].given_up_at)
    assert not clients["patient"].given_up_at
    eventually(lambda: clients["patient"].given_up_at)
    assert clients["patient"].given_up_at[0] - began["patient"] >= 0.01 + 4 * 0.05
    assert not clients["not overdue"].given_up_at


def test_the_least_patient_connection_says_how_often_the_host_is_checked(
    watchers: HostWatchers, server: Server
) -> None:
    connected_quick = connected(watchers, server)
    patient = connected(watchers, server, Patience(time=0, interval=5, count=3, disposal=0))
    patient.call()
    eventually(lambda: server.checks > 5)
    assert server.limits == {QUICK.interval}
    assert connected_quick.running == []


def test_a_host_that_another_connection_hears_from_is_not_given_up(watchers: HostWatchers, server: Server) -> None:
    server.answers = False  # it takes no new connection, perhaps
    client, busy = connected(watchers, server), connected(watchers, server, SLOW)
    busy.hears = True
    client.call()
    eventually(lambda: len(busy.asked_for) > 3)
    assert client.given_up_at == []
    assert set(busy.asked_for) == {QUICK.count * QUICK.interval}
    busy.hears = False
    eventually(lambda: client.given_up_at)


def test_the_operating_system_is_to_ask_too_for_calls_that_last_long(watchers: HostWatchers, server: Server) -> None:
    client, idle = connected(watchers, server), connected(watchers, server)
    client.call()
    eventually(lambda: client.kept_alive)
    assert not idle.kept_alive


def test_a_silent_probe_is_replaced_after_the_longest_interval(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    impatient = connected(watchers, server)
    patient = connected(watchers, server, Patience(time=0, interval=0.1, count=3, disposal=0))
    patient.call()
    eventually(lambda: patient.given_up_at)
    assert impatient.running == []
    assert server.checks > 15
    assert 2 <= len(server.opened_by) <= 4


def test_a_host_that_is_given_up_is_told_once(
    watchers: HostWatchers, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aws_advanced_python_wrapper")
    server.answers = False
    clients = [connected(watchers, server) for _ in range(50)]
    for client in clients:
        client.call()
    eventually(lambda: all(client.given_up_at for client in clients))
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.INFO, "aws_advanced_python_wrapper.cluster.silence")
    assert record.getMessage().startswith(f"{ADDRESS} has not answered for 0.0 s: ")
    assert (server.most_probes, len(threads())) == (1, 1)


def test_a_single_check_is_not_several_however_long_it_took(server: Server) -> None:
    client = Client(server)
    overdue = [(client, client.call())]
    silence = Silence(ADDRESS)
    silence.begin(overdue)
    for number in range(QUICK.count):
        silence.give_up(overdue, [client])
        assert client.given_up_at == [], f"after {number} checks"
        silence.count(False, 1000.0, QUICK.interval)
    silence.give_up(overdue, [client])
    assert client.given_up_at


def test_who_waits_again_is_given_up_again(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    client = connected(watchers, server)
    for number in range(1, 4):
        client.call()
        eventually(lambda: len(client.given_up_at) == number)  # noqa: B023 - evaluated here and now


# What must not matter


def test_the_settings_of_one_connection_do_not_stand_in_the_way_of_the_others(
    watchers: HostWatchers, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = False
    odd, even = connected(watchers, server), connected(watchers, server)

    def refuse() -> Probe:
        raise ValueError("these settings do not work")

    monkeypatch.setattr(odd, "open_probe", refuse)
    odd.call()
    even.call()
    eventually(lambda: odd.given_up_at and even.given_up_at)


def test_trouble_with_one_connection_does_not_spare_the_others(
    watchers: HostWatchers, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = False
    clients = [connected(watchers, server) for _ in range(5)]

    def fail(_began: float) -> None:
        raise ReferenceError("it was dropped just now")

    monkeypatch.setattr(clients[2], "give_up", fail)
    for client in clients:
        client.call()
    eventually(lambda: sum(bool(client.given_up_at) for client in clients) == 4)


def test_the_thread_survives_whatever_is_raised(
    watchers: HostWatchers, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_AFTER_A_FAULT", 0.001)
    client = connected(watchers, server)
    turns = itertools.count()

    def fail(_self: health.HostWatcher) -> list[object]:
        next(turns)
        raise MemoryError

    with monkeypatch.context() as during:
        during.setattr(health.HostWatcher, "_overdue", fail)
        client.call()
        eventually(lambda: next(turns) > 20)
    server.answers = False
    eventually(lambda: client.given_up_at)


def test_a_probe_that_cannot_be_closed_is_forgotten(
    watchers: HostWatchers, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Probe) -> None:
        raise OSError("bad file descriptor")

    monkeypatch.setattr(Probe, "close", fail)
    client = connected(watchers, server)
    for number in range(1, 4):
        client.call()
        eventually(lambda: len(server.opened_by) == number)  # noqa: B023 - evaluated here and now
        client.end()
        time.sleep(0.03)


def test_calls_that_come_and_go_in_many_threads(watchers: HostWatchers, server: Server) -> None:
    server.answers = False
    stop = threading.Event()
    given_up: list[float] = []

    def work() -> None:
        while not stop.is_set():
            client = connected(watchers, server)
            client.call()
            time.sleep(0.001)
            client.end()
            watchers.leave(ADDRESS, client)
            given_up.extend(client.given_up_at)

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
    victim = connected(watchers, server)
    victim.call()
    eventually(lambda: victim.given_up_at)
    stop.set()
    for worker in workers:
        worker.join()


# Threads


def test_one_thread_for_each_host(watchers: HostWatchers, server: Server) -> None:
    first = [connected(watchers, server) for _ in range(3)]
    second = connected(watchers, server, address="10.0.0.2:5432")
    assert {thread.name for thread in threads()} == {"host 10.0.0.1:5432", "host 10.0.0.2:5432"}
    assert all(thread.daemon for thread in threads())
    watchers.leave("10.0.0.2:5432", second)
    eventually(lambda: len(threads()) == 1)
    for client in first:
        watchers.leave(ADDRESS, client)
    eventually(lambda: not threads())


def test_the_thread_ends_as_soon_as_the_last_connection_has_left(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server, Patience(time=60, interval=60, count=1, disposal=0))
    eventually(lambda: watchers._watchers[ADDRESS]._wakes_at > time.monotonic())
    watchers.leave(ADDRESS, client)
    eventually(lambda: not threads())


def test_the_thread_stays_for_a_while_after_the_last_connection(watchers: HostWatchers, server: Server) -> None:
    staying = Patience(QUICK.time, QUICK.interval, QUICK.count, disposal=0.3)
    one, another = connected(watchers, server, staying), connected(watchers, server)
    (thread,) = threads()
    watchers.leave(ADDRESS, one)
    watchers.leave(ADDRESS, another)
    left = time.monotonic()
    server.answers = False
    third = connected(watchers, server)
    third.call()
    eventually(lambda: third.given_up_at)
    assert threads() == [thread]
    watchers.leave(ADDRESS, third)
    eventually(lambda: not threads())
    assert time.monotonic() - left >= 0.3


def test_a_connection_that_is_dropped_is_collected_at_once(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server)
    client.call()
    eventually(lambda: server.checks > 2)
    collected = weakref.ref(client)
    server.opened_by.clear()
    gc.disable()
    try:
        del client
        eventually(lambda: collected() is None)
    finally:
        gc.enable()
    eventually(lambda: not threads())
    assert server.probes == 0


def test_after_all_have_been_ended_connections_may_join_again(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server)
    client.call()
    eventually(lambda: server.checks > 2)
    watchers.clear()
    eventually(lambda: not threads())
    assert server.probes == 0
    server.answers = False
    watchers.join(ADDRESS, client)
    eventually(lambda: client.given_up_at)


def test_a_thread_that_ends_late_does_not_end_its_successor(watchers: HostWatchers, server: Server) -> None:
    client = connected(watchers, server)
    before = watchers._watchers[ADDRESS]
    watchers.clear()
    watchers.join(ADDRESS, client)
    with watchers._lock:
        before.stop()
    assert repr(watchers) == f"<HostWatchers ['{ADDRESS}']>"


def test_leaving_a_host_that_is_not_watched_does_nothing(watchers: HostWatchers, server: Server) -> None:
    watchers.leave(ADDRESS, Client(server))
    assert repr(watchers) == "<HostWatchers []>"


def test_a_process_without_room_for_a_thread_works_unwatched(
    watchers: HostWatchers, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as during:
        during.setattr(threading.Thread, "start", fail)
        unwatched = connected(watchers, server)
    assert f"cannot watch {ADDRESS}" in caplog.text
    watchers.leave(ADDRESS, unwatched)
    server.answers = False
    client = connected(watchers, server)
    client.call()
    eventually(lambda: client.given_up_at)


def test_times_without_end_are_no_trouble(
    watchers: HostWatchers, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    endless = Patience(time=1e15, interval=1e15, count=1, disposal=1e15)
    waiting = connected(watchers, server, endless)
    leaving = connected(watchers, server, endless, "10.0.0.2:5432")
    watchers.leave("10.0.0.2:5432", leaving)
    checking = Client(server, Patience(time=0, interval=1e15, count=1, disposal=0))
    checking.call()
    watchers.join("10.0.0.3:5432", checking)
    eventually(lambda: server.checks)
    time.sleep(0.05)
    assert len(threads()) == 3
    assert (waiting.running, caplog.records) == ([], [])


def test_a_forked_child_starts_clean() -> None:
    code = """
import os, signal, threading, time
from aws_advanced_python_wrapper.cluster.health import WATCHERS
from aws_advanced_python_wrapper.cluster.silence import Patience

class Client:
    patience = Patience(0.01, 0.01, 1, 0.0)
    running = [time.monotonic()]
    given_up = threading.Event()
    def open_probe(self): return self
    def check(self, seconds): return False
    def close(self): pass
    def keep_alive(self): pass
    def has_heard(self, seconds): return False
    def give_up(self, began): self.given_up.set()

class Happy(Client):
    def check(self, seconds): return True

client = Happy()
WATCHERS.join("a:1", client)
for number in range(20):
    time.sleep(0.002)
    child = os.fork()
    if not child:
        signal.alarm(20)
        assert threading.active_count() == 1 and repr(WATCHERS) == "<HostWatchers []>"
        WATCHERS.leave("a:1", client)
        own = Client()
        WATCHERS.join("a:1", own)
        os._exit(7 if own.given_up.wait(10) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert repr(WATCHERS) == "<HostWatchers ['a:1']>"
print("all clean")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "all clean\n", done.stderr
