from __future__ import annotations

import asyncio
import gc
import logging
import math
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.sign_in import attempts, schedule
from aws_advanced_python_wrapper.sign_in import renewed as renewed_module
from aws_advanced_python_wrapper.sign_in.renewed import SCHEDULE, Fresh, Given, Renewed, RenewedValues
from support.forking import works_in_a_child
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.flavours import Flavour

SOON = 5.0


class User:
    """Somebody who needs a value."""


class Source:
    """Gives out numbers, one after the other; waits at a gate, and fails on demand."""

    def __init__(self, renew_after: float = 60.0, usable_for: float = 120.0) -> None:
        self.renew_after = renew_after
        self.usable_for = usable_for
        self.calls = 0
        self.trouble: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Fresh[int]:
        self.calls += 1
        number = self.calls
        self.gate.wait(SOON)
        if self.trouble is not None:
            raise self.trouble
        return Fresh(number, self.renew_after, self.usable_for)


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the time pass quickly, and no thread left that a test has started."""
    monkeypatch.setattr(renewed_module, "_SOONEST", 0.0)
    monkeypatch.setattr(renewed_module, "_LOOKING_PAUSE", 0.0)
    release_resources()
    before = set(threading.enumerate())
    yield
    release_resources()
    eventually(
        lambda: not [one for one in threading.enumerate() if one.name.startswith("sign-in") and one not in before]
    )


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def user() -> User:
    return User()


VALUES: RenewedValues[int] = RenewedValues()


def value_of(source: Source) -> Renewed[int]:
    return VALUES.of(source, "the number", source)


def get(value: Renewed[int], user: object, *, refused: int | None = None) -> Given[int]:
    return run(value.get(BlockingIo(), user, Deadline.after(SOON), refused=refused))


def test_a_value_is_obtained_once_and_is_at_hand_from_then_on(flavour: Flavour, source: Source, user: User) -> None:
    value = value_of(source)

    async def scenario() -> list[Given[int]]:
        io = flavour.io()
        return [await value.get(io, user, Deadline.after(SOON)) for _ in range(3)]

    at_hand = Given(1, was_at_hand=True)
    assert flavour.run(scenario()) == [Given(1, was_at_hand=False), at_hand, at_hand]
    assert source.calls == 1


def test_callers_at_the_same_moment_share_one_attempt(flavour: Flavour, source: Source, user: User) -> None:
    value = value_of(source)
    source.gate.clear()

    async def scenario() -> list[Any]:
        io = flavour.io()

        async def open_the_gate() -> None:
            await io.sleep(0.05)
            source.gate.set()

        return await flavour.together(*(value.get(io, user, Deadline.after(SOON)) for _ in range(8)), open_the_gate())

    assert flavour.run(scenario())[:8] == [Given(1, was_at_hand=False)] * 8
    assert source.calls == 1


def test_who_waits_for_it_waits_no_longer_than_allowed(flavour: Flavour, source: Source, user: User) -> None:
    value = value_of(source)
    source.gate.clear()

    async def scenario() -> None:
        await value.get(flavour.io(), user, Deadline.after(0.02))

    with pytest.raises(SignInError, match="the number could not be obtained within the time allowed"):
        flavour.run(scenario())
    source.gate.set()
    eventually(lambda: value.at_hand(user) == 1)


@pytest.mark.parametrize(("asked", "told"), [("", "nobody answers"), ("idp or AWS", "idp or AWS does not answer")])
def test_who_has_waited_in_vain_is_told_for_whom_and_what_to_set(
    source: Source, user: User, asked: str, told: str
) -> None:
    source.gate.clear()
    value = VALUES.of(source, "the number", source, asked)
    with pytest.raises(SignInError, match=f"see why {told}, or set a longer connect_timeout"):
        run(value.get(BlockingIo(), user, Deadline.after(0.02)))
    source.gate.set()


def test_trouble_reaches_all_who_wait_and_the_next_one_tries_again(
    flavour: Flavour, source: Source, user: User
) -> None:
    value = value_of(source)
    source.trouble = SignInError("the well is dry: dig deeper")

    async def scenario() -> list[Any]:
        io = flavour.io()
        return await flavour.together(*(value.get(io, user, Deadline.after(SOON)) for _ in range(2)))

    for error in flavour.run(scenario()):
        assert isinstance(error, SignInError)
        assert str(error) == "the well is dry: dig deeper"
    source.trouble = None
    assert get(value, user).was_at_hand is False


def test_what_an_unforeseen_error_says_is_not_shown(source: Source, user: User) -> None:
    source.trouble = KeyError("the secret itself")

    with pytest.raises(SignInError, match="the number cannot be obtained: KeyError was raised") as raised:
        get(value_of(source), user)

    assert "secret" not in repr(raised.value.__cause__)
    assert raised.value.__cause__ is not None
    assert raised.value.__cause__.__cause__ is None


def test_a_value_is_renewed_in_the_background_before_it_is_asked_for(source: Source, user: User) -> None:
    source.renew_after = 0.02
    value = value_of(source)
    get(value, user)

    eventually(lambda: source.calls >= 3)

    assert get(value, user).was_at_hand


def test_nobody_waits_while_a_value_is_renewed(source: Source, user: User) -> None:
    value = value_of(source)
    get(value, user)
    source.gate.clear()
    value.renew()
    eventually(lambda: source.calls == 2)

    assert get(value, user) == Given(1, was_at_hand=True)
    source.gate.set()
    eventually(lambda: get(value, user).value == 2)


def test_a_value_that_nobody_needs_any_more_is_not_renewed(source: Source) -> None:
    source.renew_after = 0.02
    value = value_of(source)
    get(value, User())
    eventually(lambda: value not in SCHEDULE)

    calls = source.calls
    time.sleep(0.1)

    assert source.calls == calls


def test_a_value_that_cannot_be_renewed_is_used_until_it_expires(
    source: Source, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    source.renew_after, source.usable_for = 0.02, 0.5
    value = value_of(source)
    get(value, user)
    source.trouble = SignInError("the well is dry")

    eventually(
        lambda: "the number could not be renewed, so what there is goes on being used: the well is dry" in caplog.text
    )
    assert get(value, user) == Given(1, was_at_hand=True)
    eventually(lambda: value.at_hand(user) is None)
    with pytest.raises(SignInError, match="the well is dry"):
        get(value, user)


def test_a_value_that_expires_while_it_is_renewed_in_vain_is_renewed_soon(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "_LONGEST_PAUSE", 10_000.0)
    source = Source(renew_after=0.05, usable_for=0.1)
    value = value_of(source)
    get(value, user)

    source.gate.clear()
    eventually(lambda: value.is_busy and value._held is not None and not value._held.usable)
    source.trouble = SignInError("the well is dry")
    source.gate.set()
    eventually(lambda: not value.is_busy)
    source.trouble, source.usable_for = None, 120

    eventually(lambda: value._held is not None and value._held.usable)


def test_attempts_to_renew_come_ever_more_slowly(source: Source, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewed_module, "_FIRST_RETRY", 10.0)
    value = value_of(source)
    get(value, user)
    source.trouble = SignInError("the well is dry")
    value.renew()
    eventually(lambda: 9 < value.due_in < 60)
    first = value.due_in
    value.renew()
    eventually(lambda: 10 < value.due_in < math.inf)

    assert first <= 10
    assert 19 < value.due_in <= 20


def test_a_refused_value_is_obtained_anew_and_then_given_even_if_it_is_the_same(user: User) -> None:
    value: Renewed[str] = Renewed("the word", lambda: Fresh("same", 60))
    first = run(value.get(BlockingIo(), user, Deadline.after(SOON)))

    assert run(value.get(BlockingIo(), user, Deadline.after(SOON), refused=first.value)) == Given(
        "same", was_at_hand=False
    )


def test_a_refused_value_goes_on_serving_others_where_no_other_can_be_had(source: Source, user: User) -> None:
    value = value_of(source)
    get(value, user)
    source.trouble = SignInError("the well is dry")

    with pytest.raises(SignInError, match="the well is dry"):
        get(value, user, refused=1)

    assert get(value, user) == Given(1, was_at_hand=True)


def test_an_attempt_that_never_ends_is_given_up_and_another_one_begun(
    source: Source, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LOST_AFTER", 0.05)
    value = value_of(source)
    source.gate.clear()
    with pytest.raises(SignInError, match="within the time allowed"):
        run(value.get(BlockingIo(), user, Deadline.after(0.1)))

    hung, source.gate = source.gate, threading.Event()
    source.gate.set()

    assert get(value, user) == Given(2, was_at_hand=False)
    hung.set()


@pytest.mark.parametrize("interrupted", ["_starter", "Thread"])
def test_a_signal_handler_gets_a_value_although_it_interrupts_who_begins_to_obtain_it(
    source: Source, user: User, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    value = value_of(source)
    handled: list[Given[int]] = []
    real = threading.Thread

    def handler() -> None:
        if not handled:
            handled.append(Given(0, was_at_hand=False))
            handled[0] = get(value, user)

    class Interrupted(real):  # type: ignore[misc, valid-type]
        def start(self) -> None:
            if interrupted == "_starter":
                handler()
            super().start()
            if interrupted == "Thread":
                handler()

    monkeypatch.setattr(threading, "Thread", Interrupted)

    assert get(value, user).value in (1, 2)
    assert handled[0].value in (1, 2)


def test_an_interrupt_of_who_begins_to_obtain_it_leaves_no_other_waiting(
    flavour: Flavour, source: Source, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = value_of(source)
    real = threading.Thread.start

    def interrupted_once(_thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        get(value, user)

    async def scenario() -> Given[int]:
        return await value.get(flavour.io(), user, Deadline.after(SOON))

    with ThreadPoolExecutor(1) as elsewhere:  # any thread but the one that was interrupted
        assert elsewhere.submit(flavour.run, scenario()).result().value == 1


def test_who_has_waited_is_kept_by_nobody(flavour: Flavour, source: Source, user: User) -> None:
    kept: list[weakref.ref[Any]] = []

    async def scenario() -> None:
        found = value_of(source)._look(user)
        assert isinstance(found, attempts.Attempt)
        kept.append(weakref.ref(found))
        await value_of(source).get(flavour.io(), user, Deadline.after(SOON))

    gc.collect()
    gc.disable()
    try:
        flavour.run(scenario())
        eventually(lambda: kept[0]() is None)
    finally:
        gc.enable()


def test_values_that_fall_due_together_are_renewed_a_few_at_a_time(user: User) -> None:
    sources = [Source(renew_after=0.5) for _ in range(30)]
    for source in sources:
        get(value_of(source), user)
        source.gate.clear()
    eventually(lambda: sum(source.calls for source in sources) == 38)
    time.sleep(0.05)

    assert sum(source.calls for source in sources) == 38
    for source in sources:
        source.renew_after = 60.0
        source.gate.set()
    eventually(lambda: all(source.calls >= 2 for source in sources))


def test_the_renewals_outlive_a_fault(
    source: Source, user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(schedule, "_AFTER_A_FAULT", 0.0)
    source.renew_after = 0.02
    value, faults = value_of(source), [MemoryError("no room")]

    def renew_or_fail() -> None:
        if faults:
            raise faults.pop()
        Renewed.renew(value)

    monkeypatch.setattr(value, "renew", renew_or_fail)
    get(value, user)

    eventually(lambda: source.calls >= 2)
    assert "renewing credentials" in caplog.text


def test_nothing_is_renewed_all_the_time_whatever_it_says(
    source: Source, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewed_module, "_SOONEST", 30.0)
    source.renew_after = 0.0
    value = value_of(source)
    get(value, user)

    assert 25 < value.due_in <= 30


def test_values_that_never_expire_are_forgotten_when_nobody_has_used_them_for_long(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewed_module, "_KEPT_FOR", 0.05)
    source.usable_for = math.inf
    old = value_of(source)
    get(old, User())
    assert value_of(source) is old

    eventually(lambda: old.is_over)
    value_of(Source())

    assert value_of(source) is not old


def test_a_refusal_of_an_older_value_obtains_nothing(source: Source, user: User) -> None:
    value = value_of(source)
    get(value, user)
    get(value, user, refused=1)

    assert get(value, user, refused=1) == Given(2, was_at_hand=True)
    assert source.calls == 2


def test_a_clock_that_is_set_forward_makes_values_older(
    source: Source, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = value_of(source)
    get(value, user)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)

    assert get(value, user) == Given(2, was_at_hand=False)


def test_a_clock_that_is_set_back_does_not_make_them_younger(source: Source, user: User) -> None:
    source.usable_for = 0.1
    value = value_of(source)
    get(value, user)
    real = time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: real() - 3600)
        eventually(lambda: value.at_hand(user) != 1)


def test_a_value_that_is_not_at_hand_is_obtained_for_the_next_time(source: Source, user: User) -> None:
    value = value_of(source)

    assert value.at_hand(user) is None
    eventually(lambda: value.at_hand(user) == 1)


def test_a_task_that_is_cancelled_while_it_waits_leaves_the_attempt_to_others(source: Source, user: User) -> None:
    from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo

    value = value_of(source)
    source.gate.clear()

    async def scenario() -> Given[int]:
        waiting = asyncio.ensure_future(value.get(AsyncioIo(), user, Deadline.after(SOON)))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        source.gate.set()
        return await value.get(AsyncioIo(), user, Deadline.after(SOON))

    assert asyncio.run(scenario()).value == 1
    assert source.calls == 1


def test_values_of_one_key_are_shared_and_those_of_others_are_not(source: Source) -> None:
    values: RenewedValues[int] = RenewedValues()
    one = values.of("one", "the number", source)

    assert values.of("one", "the number", source) is one
    assert values.of("two", "the number", source) is not one


def test_values_that_nobody_would_miss_are_forgotten(source: Source) -> None:
    source.usable_for = source.renew_after = 0.02
    values: RenewedValues[int] = RenewedValues()
    old = values.of("old", "the number", source)
    get(old, User())
    eventually(lambda: old.is_over)

    values.of("new", "the number", source)

    assert values.of("old", "the number", source) is not old


def test_release_forgets_all_values(source: Source, user: User) -> None:
    values: RenewedValues[int] = RenewedValues()
    get(values.of("one", "the number", source), user)

    release_resources()

    assert get(values.of("one", "the number", source), user) == Given(2, was_at_hand=False)


def test_what_is_forgotten_just_before_it_is_scheduled_is_not_renewed(
    source: Source, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SCHEDULE.put

    def put(value: Renewed[int]) -> None:
        release_resources()
        real(value)

    monkeypatch.setattr(SCHEDULE, "put", put)
    value = value_of(source)
    get(value, user)
    assert value not in SCHEDULE


def test_a_forked_child_goes_on_with_what_its_parent_has(source: Source, user: User) -> None:
    source.renew_after = 0.05
    values: RenewedValues[int] = RenewedValues()
    value = values.of("one", "the number", source)
    get(value, user)

    def has_it_and_renews_it() -> None:
        assert get(value, user).was_at_hand
        calls = source.calls
        eventually(lambda: source.calls > calls)

    with value._lock:  # as if another thread of the parent's were inside
        assert works_in_a_child(has_it_and_renews_it)


def test_no_value_is_shown_or_logged(user: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    values: RenewedValues[str] = RenewedValues()
    value = values.of("one", "the word", lambda: Fresh("open sesame", 0.01))
    run(value.get(BlockingIo(), user, Deadline.after(SOON)))

    assert "sesame" not in caplog.text + repr(value) + repr(Fresh("open sesame", 1)) + str(vars(value))
