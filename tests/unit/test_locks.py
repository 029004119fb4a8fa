"""What finalizers and signal handlers meet that come in between anywhere: no lock that is never free again."""

from __future__ import annotations

import inspect
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.health import HostWatchers
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.monitor import Pace, TopologyMonitor
from aws_advanced_python_wrapper.cluster.response_times import ResponseTimes
from aws_advanced_python_wrapper.cluster.silence import Patience
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Row
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.sign_in.schedule import Schedule
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PACKAGE = "aws_advanced_python_wrapper"
HOSTS = "abc"


def observation() -> Observation:
    rows = tuple(Row(name, name, 5432, is_writer=name == "a") for name in HOSTS)
    return Observation("a:5432", "a", HostRole.WRITER, rows, time.monotonic())


def store() -> TopologyStore:
    made = TopologyStore()
    made.publish(observation())
    return made


class Connection:
    """All that the threads need of a connection: it answers whatever is asked, and interests nobody any more."""

    interval = 60.0
    key = "app"
    patience = Patience(60.0, 60.0, 1, 60.0)
    running = ()
    due_in = 60.0
    is_busy = False
    is_wanted = True

    def connect(self, _host: HostInfo) -> Connection:
        return self

    def observe(self) -> Observation:
        return observation()

    def ping(self) -> None:
        pass

    def close(self) -> None:
        pass


class Background:
    """Something that has threads of its own: how they are started, and what a finalizer does that comes in between."""

    def __init__(self) -> None:
        self.connection: Any = Connection()

    def start(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


class Topology(Background):
    names = frozenset({"topology a:5432"})

    def __init__(self) -> None:
        super().__init__()
        self.monitor = TopologyMonitor(store(), self.connection.connect, lambda: True, Pace(60.0, 60.0))

    def start(self) -> None:
        self.monitor.start()

    def close(self) -> None:
        self.monitor.reconsider()

    def end(self) -> None:
        self.monitor.stop()


class Search(Topology):
    names = frozenset(f"topology {name}:5432" for name in HOSTS)

    def start(self) -> None:
        with self.monitor.search(time.monotonic()):
            pass


class Measurements(Background):
    names = frozenset(f"response time {name}:5432" for name in HOSTS)

    def __init__(self) -> None:
        super().__init__()
        self.times = ResponseTimes(store())

    def start(self) -> None:
        self.times.join(self.connection)

    def close(self) -> None:
        self.times.leave(Connection())

    def end(self) -> None:
        self.times.stop()


class Watchers(Background):
    names = frozenset({"host 10.0.0.1:5432"})

    def __init__(self) -> None:
        super().__init__()
        self.watchers = HostWatchers()

    def start(self) -> None:
        self.watchers.join("10.0.0.1:5432", self.connection)

    def close(self) -> None:
        self.watchers.leave("10.0.0.1:5432", self.connection)
        self.watchers.join("10.0.0.1:5432", self.connection)

    def end(self) -> None:
        self.watchers.clear()


class Renewals(Background):
    names = frozenset({"sign-in: renewals"})

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()

    def start(self) -> None:
        self.schedule.put(self.connection)

    def close(self) -> None:
        self.schedule.drop(Connection())  # type: ignore[arg-type]

    def end(self) -> None:
        self.schedule.clear()


def own_threads() -> list[str]:
    prefixes = ("finalizer", "topology ", "response time ", "host ", "sign-in")
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(prefixes))


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    eventually(lambda: not own_threads())
    yield
    eventually(lambda: not own_threads())


KINDS = pytest.mark.parametrize("kind", [Topology, Search, Measurements, Watchers, Renewals])


@KINDS
def test_a_finalizer_may_close_a_connection_in_a_thread_that_is_about_to_begin(
    kind: type[Background], monkeypatch: pytest.MonkeyPatch
) -> None:
    background, begin = kind(), threading.Thread.start
    stuck: list[bool] = []

    def begin_with_a_finalizer(thread: threading.Thread) -> None:
        finalizer = threading.Thread(target=background.close, name="finalizer")
        begin(finalizer)
        finalizer.join(2)  # as whoever starts a thread waits until it has begun
        stuck.append(finalizer.is_alive())
        begin(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", begin_with_a_finalizer)
        background.start()
    background.end()
    assert stuck
    assert not any(stuck)


@KINDS
def test_many_who_come_at_once_start_one_thread_for_each_host(
    kind: type[Background], monkeypatch: pytest.MonkeyPatch
) -> None:
    background, begin = kind(), threading.Thread.start
    begun: Counter[str] = Counter()
    all_are_there = threading.Barrier(8)

    def begin_slowly(thread: threading.Thread) -> None:
        begun[thread.name] += 1
        time.sleep(0.01)
        begin(thread)

    def start() -> None:
        all_are_there.wait(10)
        background.start()

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(all_are_there.wait, 10) for _ in range(8)]
        for thread in threads:
            thread.result()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", begin_slowly)
            for asked in [pool.submit(start) for _ in range(8)]:
                asked.result()
    background.end()
    assert begun == dict.fromkeys(background.names, 1)  # type: ignore[attr-defined]


@KINDS
def test_whoever_is_interrupted_has_started_what_others_rely_on(
    kind: type[Background], monkeypatch: pytest.MonkeyPatch
) -> None:
    background, begin = kind(), threading.Thread.start
    interrupts = [KeyboardInterrupt()]

    def begin_interrupted(thread: threading.Thread) -> None:
        if interrupts:
            raise interrupts.pop()
        begin(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", begin_interrupted)
        with pytest.raises(KeyboardInterrupt):
            background.start()
    assert own_threads()
    background.end()


class Interrupt:
    """Raises `KeyboardInterrupt` at one moment of the driver's code, as a signal's handler does.

    Python runs such handlers where a function begins or has returned, and not between any two lines. A `yield` is left
    out: what a trace function raises there bypasses the generator's own `finally`.
    """

    def __init__(self, moment: int) -> None:
        self.left = moment

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Any:
        code, caller = frame.f_code, frame.f_back
        entered = code.co_name in ("__enter__", "__exit__", "__aenter__", "__aexit__")
        if PACKAGE in code.co_filename or (entered and caller and PACKAGE in caller.f_code.co_filename):
            frame.f_trace_lines = False
            if not code.co_flags & inspect.CO_GENERATOR:
                self.pass_by(event)
            return self
        return None

    def pass_by(self, event: str) -> None:
        if event in ("call", "return"):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@contextmanager
def interrupted(moment: int) -> Iterator[Interrupt]:
    """Have the block interrupted at one moment."""
    before, interrupt = sys.gettrace(), Interrupt(moment)
    sys.settrace(interrupt)
    try:
        yield interrupt
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)


def at_each_moment(work: Callable[[], object]) -> Iterator[int]:
    """Do the work again and again, each time interrupted a moment later, until it is no more."""
    moment = 0
    while True:
        moment += 1
        with interrupted(moment) as interrupt:
            work()
        if interrupt.left > 0:
            return
        yield moment


def ends(work: Callable[[], object]) -> bool:
    """Tell whether another thread can do it."""
    other = threading.Thread(target=work, daemon=True)
    other.start()
    other.join(5)
    return not other.is_alive()


@KINDS
def test_an_interrupt_at_any_moment_leaves_no_lock_taken(kind: type[Background]) -> None:
    background = kind()

    def come_and_go() -> None:
        background.start()
        background.close()
        background.end()

    moments = 0
    for moment in at_each_moment(come_and_go):
        assert ends(come_and_go), f"after an interrupt at moment {moment}"
        moments = moment
    assert moments > 5


def test_an_interrupt_at_any_moment_leaves_no_sessions_lock_taken() -> None:
    lock = BlockingIo().lock()

    async def work() -> None:
        pass

    def hold() -> None:
        holding = lock.holding(work)
        try:
            run(holding)
        finally:
            holding.close()  # if it was interrupted before it had begun

    moments = 0
    for moment in at_each_moment(hold):
        assert ends(hold), f"after an interrupt at moment {moment}"
        moments = moment
    assert moments > 1


def test_a_stop_is_not_slept_over_that_comes_when_a_thread_has_looked_whether_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topology = Topology()
    start_missing = topology.monitor._start_missing

    def stopped() -> None:
        start_missing()
        if threading.current_thread() is not threading.main_thread():
            topology.end()

    monkeypatch.setattr(topology.monitor, "_start_missing", stopped)
    monkeypatch.setattr(topology.monitor, "_calm", 30.0)
    topology.start()
    topology.close()  # it need not sleep first
    began = time.monotonic()
    eventually(lambda: not own_threads())
    assert time.monotonic() - began < 15
