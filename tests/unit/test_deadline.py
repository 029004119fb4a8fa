from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from aws_advanced_python_wrapper.deadline import Deadline


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("passed", "left"), [(0.0, 5.0), (2.0, 3.0), (5.0, 0.0), (60.0, 0.0)])
def test_remaining_shrinks_and_is_never_negative(passed: float, left: float) -> None:
    clock = Clock()
    deadline = Deadline.after(5, clock)
    clock.now += passed
    assert deadline.remaining() == left
    assert deadline.expired is (left == 0.0)


@pytest.mark.parametrize(("seconds", "left"), [(1.0, 1.0), (5.0, 5.0), (9.0, 5.0)])
def test_bounded_is_the_sooner_one(seconds: float, left: float) -> None:
    assert Deadline.after(5, Clock()).bounded(seconds).remaining() == left


def test_never_does_not_expire_but_can_be_bounded() -> None:
    assert Deadline.never().remaining() == math.inf
    assert not Deadline.never().expired
    assert 0 < Deadline.never().bounded(5).remaining() <= 5


def test_the_repr_tells_the_time_left() -> None:
    assert repr(Deadline.after(5, Clock())) == "<Deadline in 5.000 s>"
    assert repr(Deadline.never()) == "<Deadline never>"
