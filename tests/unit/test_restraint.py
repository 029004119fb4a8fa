from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.sign_in.saml import restraint
from aws_advanced_python_wrapper.sign_in.saml.account import Account
from support.forking import works_in_a_child
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = 5.0
JANE = Account("adfs.example.com", 443, "jane", "secret", timeout=1.0, verified=True)
REFUSAL = restraint.UserRefusedError("AD FS says no.")


@pytest.fixture(autouse=True)
def _nobody_was_refused() -> Iterator[None]:
    release_resources()
    yield
    release_resources()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    return Later(monkeypatch)


class Later:
    """Lets time pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._passed = 0.0
        real = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: real() + self._passed)

    def by(self, seconds: float) -> None:
        self._passed += seconds


def visit(account: Account = JANE) -> None:
    with restraint.visit(account):
        pass


def be_refused(account: Account = JANE) -> None:
    with pytest.raises(restraint.UserRefusedError), restraint.visit(account):
        raise REFUSAL


def left() -> float:
    (refused,) = restraint._REFUSED.values()
    return refused.left


def test_a_user_who_was_refused_is_not_asked_about_for_a_while() -> None:
    be_refused()
    with pytest.raises(
        SignInError, match=r"^AD FS says no\. It is not asked again for (59|60) s, as every attempt may"
    ):
        visit()


def test_it_is_the_password_that_counts() -> None:
    be_refused()
    visit(replace(JANE, password="another"))


def test_the_way_to_the_provider_does_not_count() -> None:
    be_refused()
    with pytest.raises(SignInError, match="It is not asked again"):
        visit(replace(JANE, timeout=2.0, verified=False))


def test_each_refusal_makes_the_pause_longer_up_to_half_an_hour(later: Later) -> None:
    pauses = []
    for _ in range(6):
        be_refused()
        pauses.append(round(left()))
        later.by(pauses[-1] + 1)
    assert pauses == [60, 180, 540, 1620, 1800, 1800]


def test_trouble_that_is_not_about_the_user_makes_no_pause() -> None:
    with pytest.raises(SignInError, match="try again later"), restraint.visit(JANE):
        raise SignInError("AD FS answers HTTP 503: try again later")
    visit()


def test_a_user_who_was_let_in_begins_anew(later: Later) -> None:
    be_refused()
    later.by(61)
    visit()
    be_refused()
    assert 59 < left() <= 60


def test_a_refusal_is_forgotten_long_after_its_pause_with_whomever_it_was_about(later: Later) -> None:
    be_refused()
    later.by(1850)
    visit(replace(JANE, username="joe"))
    assert len(restraint._REFUSED) == 1
    later.by(11)
    visit(replace(JANE, username="joe"))
    assert restraint._REFUSED == {}


def test_no_user_and_password_are_kept() -> None:
    be_refused()
    assert not {"jane", "secret"} & {*repr(restraint._REFUSED).replace("'", " ").split()}
    assert [type(key) for key in restraint._REFUSED] == [bytes]


def test_releasing_resources_ends_the_pause() -> None:
    be_refused()
    release_resources()
    visit()


class Visitors:
    """Threads that visit with one password, which is wrong; the first of them is in no hurry."""

    def __init__(self, count: int) -> None:
        self.tried = 0
        self.gate = threading.Event()
        self.told: list[str] = []
        self.threads = [threading.Thread(target=self._visit) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _visit(self) -> None:
        try:
            with restraint.visit(JANE):
                self.tried += 1
                self.gate.wait(SOON)
                raise REFUSAL
        except SignInError as error:
            self.told.append(str(error))

    def end(self) -> None:
        self.gate.set()
        for thread in self.threads:
            thread.join(SOON)


def test_a_wrong_password_is_tried_once_by_however_many_at_once() -> None:
    visitors = Visitors(6)
    eventually(lambda: visitors.tried == 1)
    visitors.end()
    assert visitors.tried == 1
    assert len([told for told in visitors.told if "It is not asked again" in told]) == 5


def test_visitors_with_other_passwords_do_not_wait() -> None:
    with restraint.visit(JANE):
        visit(replace(JANE, password="another"))


def test_nobody_waits_for_others_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restraint, "_LONGEST_WAIT", 0.01)
    visitors = Visitors(1)
    eventually(lambda: visitors.tried == 1)
    with pytest.raises(SignInError, match=r"adfs\.example\.com has had others wait for 0\.01 s"):
        visit()
    visitors.end()
    with pytest.raises(SignInError, match="It is not asked again"):  # its turn has ended with it
        visit()


def test_a_forked_child_does_not_wait_for_visitors_of_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restraint, "_LONGEST_WAIT", SOON)
    with restraint.visit(JANE), restraint._TURNS._changed:
        assert works_in_a_child(visit)
