"""Two sides of the same action, timed in turns: machines are noisy, and only neighbouring rounds can be compared."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Action = Callable[[], Any]


def compare(sides: Sequence[Action], *, rounds: int, calls: int) -> tuple[float, float, float]:
    """Return medians over pairs of neighbouring rounds: seconds per call of the first side, difference, ratio."""
    first, second = sides
    return medians([(timed(first, calls), timed(second, calls)) for _ in range(rounds + 1)])


async def compare_async(sides: Sequence[Action], *, rounds: int, calls: int) -> tuple[float, float, float]:
    """Do what `compare` does with coroutine functions."""
    first, second = sides
    return medians([(await timed_async(first, calls), await timed_async(second, calls)) for _ in range(rounds + 1)])


def medians(rounds: list[tuple[float, float]]) -> tuple[float, float, float]:
    pairs = rounds[1:]  # the first one warms up
    return (
        statistics.median(bare for bare, _ in pairs),
        statistics.median(ours - bare for bare, ours in pairs),
        statistics.median(ours / bare for bare, ours in pairs),
    )


def timed(action: Action, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        action()
    return (time.perf_counter() - began) / calls


async def timed_async(action: Action, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await action()
    return (time.perf_counter() - began) / calls


def show(label: str, measured: tuple[float, float, float]) -> None:
    bare, more, ratio = measured
    print(f"{label:34}{unit(bare):>12}{unit(more, sign='+'):>14}{ratio:>8.2f}x", flush=True)


def unit(seconds: float, sign: str = "") -> str:
    for factor, name in ((1, "s"), (1e3, "ms")):
        if abs(seconds) * factor >= 1:
            return f"{seconds * factor:{sign}.2f} {name}"
    return f"{seconds * 1e6:{sign}.2f} us"
