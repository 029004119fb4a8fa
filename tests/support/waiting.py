"""Waiting for what others do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which something that should have happened counts as missing, on the slowest of machines."""


def eventually(condition: Callable[[], T | None]) -> T:
    """Return what a condition returns, as soon as that is true and nothing that it asserts fails."""
    end = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        failure: AssertionError | None = None
        is_late = time.monotonic() > end
        try:
            if found := condition():
                return found
        except AssertionError as error:
            failure = error
        if is_late:
            raise AssertionError(f"not true within {PATIENCE:g} s: {condition}") from failure
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


class after:  # noqa: N801 - reads as a word of the test
    """Do something in another thread after some seconds; the block ends no sooner."""

    def __init__(self, seconds: float, function: Callable[[], object]) -> None:
        self._timer = threading.Timer(seconds, function)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.join()
