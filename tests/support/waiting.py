"""Waiting for what other threads do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not true within {seconds:g} s: {condition}"
        time.sleep(0.001)


class after:  # noqa: N801 - reads as a word of the test
    """Do something in another thread after some seconds; the block ends no sooner."""

    def __init__(self, seconds: float, function: Callable[[], object]) -> None:
        self._timer = threading.Timer(seconds, function)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.join()
