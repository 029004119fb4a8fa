"""A point in time by which something must be done, made once where a call begins and handed down."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Deadline:
    """``at`` is a reading of ``clock``, in seconds; infinity means that there is no limit."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(clock() + seconds, clock)

    @classmethod
    def never(cls) -> Deadline:
        """Return a deadline that never comes; its ``remaining()`` is infinity."""
        return cls(math.inf)

    @property
    def expired(self) -> bool:
        """Whether the time has run out."""
        return self.remaining() == 0.0

    def remaining(self) -> float:
        """Return the seconds left, 0.0 once the time has run out."""
        if self.at == math.inf:
            return math.inf
        return max(0.0, self.at - self.clock())

    def bounded(self, seconds: float) -> Deadline:
        """Return this deadline or the one ``seconds`` from now, whichever comes sooner."""
        sooner = self.clock() + seconds
        return self if self.at <= sooner else Deadline(sooner, self.clock)

    def __repr__(self) -> str:
        return "<Deadline never>" if self.at == math.inf else f"<Deadline in {self.remaining():.3f} s>"
