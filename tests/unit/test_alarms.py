"""Alarms of both flavours: when they ring, when no more, and the one thread of the blocking flavour."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core import alarms
from aws_advanced_python_wrapper.core.alarms import ThreadAlarm
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.flavours import Flavour

SOON = 0.005
LONG = 60.0


class Bell:
    """Counts how often it is rung; answers with what it is to be given in turn, in the end with None."""

    def __init__(self, *answers: float) -> None:
        self.rung = threading.Semaphore(0)
        self.times = 0
        self._answers = list(answers)

    def __call__(self) -> float | None:
        self.times += 1
        self.rung.release()
        return self._answers.pop(0) if self._answers else None

    def wait(self) -> None:
        assert self.rung.acquire(timeout=10)


@pytest.fixture(autouse=True)
def watchman(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a watchman for this test alone, who goes soon."""
    monkeypatch.setattr(alarms, "_LINGER", SOON)
    monkeypatch.setattr(alarms, "_watchman", alarms._Watchman({}))
    yield
    if threads():
        look_again()
    eventually(lambda: not threads())


def look_again() -> None:
    """Wake the thread, which sleeps until an alarm may be due that has been forgotten meanwhile."""
    with ThreadAlarm(0, lambda: None):
        pass


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "aws-driver-alarms"]


async def rung(flavour: Flavour, times: int, bell: Bell) -> None:
    for _ in range(times):
        if flavour.asynchronous:
            assert await asyncio.to_thread(bell.rung.acquire, timeout=10)
        else:
            bell.wait()


# Both flavours


def test_an_alarm_rings_once_when_its_time_is_up(flavour: Flavour) -> None:
    async def scenario() -> None:
        first, second = Bell(), Bell()
        with flavour.io().alarm(SOON, first) as alarm:
            await rung(flavour, 1, first)
            assert alarm.rang
            with flavour.io().alarm(4 * SOON, second):
                await rung(flavour, 1, second)
        assert first.times == 1

    flavour.run(scenario())


def test_what_ends_in_time_rings_no_alarm(flavour: Flavour) -> None:
    async def scenario() -> None:
        first, second = Bell(), Bell()
        with flavour.io().alarm(50 * SOON, first) as alarm:
            pass
        with flavour.io().alarm(60 * SOON, second):
            await rung(flavour, 1, second)
        assert not alarm.rang
        assert first.times == 0

    flavour.run(scenario())


def test_an_alarm_is_put_off_as_long_as_it_says(flavour: Flavour) -> None:
    async def scenario() -> None:
        bell = Bell(SOON, SOON, 0.0)
        with flavour.io().alarm(SOON, bell) as alarm:
            await rung(flavour, 3, bell)
            await rung(flavour, 1, bell)
            assert alarm.rang
        assert bell.times == 4

    flavour.run(scenario())


@pytest.mark.parametrize("answers", [(), (float("inf"),)], ids=["from the beginning", "later"])
def test_an_alarm_may_be_for_never(flavour: Flavour, answers: tuple[float, ...]) -> None:
    async def scenario() -> None:
        bell, other = Bell(*answers), Bell()
        with flavour.io().alarm(SOON if answers else float("inf"), bell) as alarm:
            with flavour.io().alarm(4 * SOON, other):
                await rung(flavour, 1, other)
            assert not alarm.rang
        assert bell.times == len(answers)

    flavour.run(scenario())


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all_rings_at_once(flavour: Flavour, seconds: float) -> None:
    async def scenario() -> None:
        bell = Bell()
        with flavour.io().alarm(seconds, bell):
            await rung(flavour, 1, bell)

    flavour.run(scenario())


# Of a loop


def test_the_error_of_an_alarm_is_told_to_the_loop() -> None:
    def ring() -> None:
        raise ValueError("broken")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        told = loop.create_future()
        loop.set_exception_handler(lambda _, context: told.set_result(context["exception"]))
        with AsyncioIo().alarm(0, ring) as alarm:
            assert str(await told) == "broken"
            assert not alarm.rang

    asyncio.run(scenario())


def test_an_alarm_outlives_its_loop_in_peace() -> None:
    async def scenario() -> Any:
        alarm = AsyncioIo().alarm(SOON, Bell())
        alarm.__enter__()
        return alarm

    asyncio.run(scenario()).__exit__(None, None, None)


@pytest.mark.parametrize("seconds", [LONG, 1e12, float("inf")])
def test_uvloop_has_alarms_for_any_time(seconds: float) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed: it has no wheel for every Python")

    async def scenario() -> bool:
        with AsyncioIo().alarm(seconds, Bell()) as alarm:
            await asyncio.sleep(SOON)
            return alarm.rang

    loop = uvloop.new_event_loop()
    try:
        assert not loop.run_until_complete(scenario())
    finally:
        loop.close()


# Of the thread


def test_the_thread_is_one_and_ends_where_there_is_nothing_to_watch() -> None:
    for _ in range(3):
        bells = [Bell() for _ in range(20)]
        with_alarms = [ThreadAlarm(SOON, bell) for bell in bells]
        for alarm in with_alarms:
            alarm.__enter__()
        for bell in bells:
            bell.wait()
        assert len(threads()) == 1
        for alarm in with_alarms:
            alarm.__exit__(None, None, None)
        eventually(lambda: not threads())


def test_the_thread_stays_as_long_as_an_alarm_is_set() -> None:
    bell = Bell()
    with ThreadAlarm(10 * SOON, bell):
        bell.wait()


def test_an_alarm_that_is_due_earlier_is_heard() -> None:
    bell = Bell()
    with ThreadAlarm(LONG, Bell()):
        eventually(lambda: alarms._watchman._wakes_at != alarms._NEVER)
        with ThreadAlarm(SOON, bell):
            bell.wait()


def test_what_ringing_leads_to_is_seen_with_the_alarm() -> None:
    broken = threading.Event()

    def ring() -> None:
        broken.set()
        threading.Event().wait(0.02)

    with ThreadAlarm(0, ring) as alarm:
        broken.wait()
        assert alarm.rang


def test_a_block_does_not_end_amid_the_ringing() -> None:
    began, ended = threading.Event(), threading.Event()

    def ring() -> None:
        began.set()
        threading.Event().wait(0.02)
        ended.set()

    with ThreadAlarm(0, ring):
        began.wait()
    assert ended.is_set()


def test_after_its_block_an_alarm_is_without_effect() -> None:
    bell = Bell()
    with ThreadAlarm(LONG, bell) as alarm:
        pass
    alarm.ring()
    assert bell.times == 0


def test_an_alarm_that_fails_is_logged_and_the_others_ring(caplog: pytest.LogCaptureFixture) -> None:
    def ring() -> None:
        raise ValueError("broken")

    bell = Bell()
    with ThreadAlarm(0, ring) as alarm, ThreadAlarm(SOON, bell):
        bell.wait()
        assert not alarm.rang
    assert [record.getMessage() for record in caplog.records] == ["an alarm failed"]
    assert "ValueError: broken" in caplog.text


def test_an_alarm_in_the_thread_itself_is_rung_by_another_one() -> None:
    inner, outer = Bell(), Bell()

    def ring() -> None:
        with ThreadAlarm(SOON, inner):  # as the finalizer of an object does that is collected just now
            inner.wait()
        outer()

    for _ in range(3):
        with ThreadAlarm(LONG, Bell()), ThreadAlarm(SOON, ring):
            outer.wait()
    assert (inner.times, outer.times) == (3, 3)


def test_whoever_cannot_be_given_a_thread_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    abandoned, bell = Bell(), Bell()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start"), ThreadAlarm(SOON, abandoned):
            pytest.fail("there is no alarm")
    with ThreadAlarm(4 * SOON, bell):
        bell.wait()
    assert abandoned.times == 0


AT_EXIT = """
import atexit
from aws_advanced_python_wrapper.core.alarms import ThreadAlarm

def leave():
    with ThreadAlarm(5, print):
        print("left")

atexit.register(leave)
"""


def test_what_is_done_at_exit_is_done_though_there_be_no_alarm() -> None:
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, check=True, timeout=30)
    assert (done.stdout, done.stderr) == ("left\n", "")


def test_an_interpreter_that_gives_no_more_threads_is_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")  # as Python 3.12 and newer say it

    late, bell = Bell(), Bell()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        for _ in range(2):
            with ThreadAlarm(LONG, late) as alarm:
                assert not alarm.rang
    with ThreadAlarm(4 * SOON, bell):
        bell.wait()
    assert late.times == 0


def together(work: Callable[[], None], number: int) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    workers = [threading.Thread(target=run) for _ in range(number)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []


@pytest.mark.parametrize("linger", [0.0, 0.0005])
def test_no_alarm_is_lost_while_the_thread_comes_and_goes(monkeypatch: pytest.MonkeyPatch, linger: float) -> None:
    monkeypatch.setattr(alarms, "_LINGER", linger)

    def work() -> None:
        for number in range(150):
            bell = Bell()
            with ThreadAlarm(0.0003 * (number % 7), bell) as alarm:
                bell.wait()
                assert alarm.rang
            assert bell.times == 1
            threading.Event().wait(0.0002 * (number % 5))

    together(work, 4)


class Watched(dict[Any, None]):
    """Has something happen when it is looked whether anything is in it, as is done before the thread goes."""

    def __init__(self, meanwhile: Callable[[], object], *, first: bool) -> None:
        super().__init__()
        self._meanwhile = [meanwhile]
        self._first = first

    def __bool__(self) -> bool:
        meanwhile = self._meanwhile.pop() if self._meanwhile else list
        if self._first:
            meanwhile()
        found = len(self) > 0
        if not self._first:
            meanwhile()
        return found


@pytest.mark.parametrize("relying", [True, False], ids=["who was still on duty", "who was no more"])
def test_an_alarm_that_is_set_just_when_the_thread_goes_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, relying: bool
) -> None:
    bell = Bell()
    late = ThreadAlarm(20 * SOON, bell)
    # One who is due after he would wake anyway has only noted his alarm.
    watched = Watched(lambda: watched.update({late: None}) if relying else late.__enter__(), first=relying)
    monkeypatch.setattr(alarms, "_watchman", alarms._Watchman(watched))
    look_again()
    bell.wait()
    assert late.rang


def test_many_threads_set_alarms_that_do_not_ring() -> None:
    bell = Bell()

    def work() -> None:
        for _ in range(2000):
            with ThreadAlarm(LONG, bell):
                pass

    together(work, 8)
    assert bell.times == 0
    assert alarms._watchman._watched == {}


def test_a_forked_child_has_a_thread_of_its_own() -> None:
    program = """
import os, signal, threading
from aws_advanced_python_wrapper.core.alarms import ThreadAlarm

def rings():
    rung = threading.Event()
    with ThreadAlarm(0.01, rung.set):
        return rung.wait(10)

with ThreadAlarm(60, print):
    assert rings()
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if rings() else 1)
assert os.waitpid(child, 0)[1] == 0
assert rings()
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    subprocess.run(command, check=True, timeout=30)
