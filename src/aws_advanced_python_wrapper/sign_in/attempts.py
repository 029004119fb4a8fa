"""Attempts to obtain a value that expires, each in a thread of its own."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from aws_advanced_python_wrapper.background_thread import BackgroundThread
from aws_advanced_python_wrapper.core.sign_in import SignInError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Seconds after which an attempt that has not ended counts as lost: another one is begun. A handler of the program's, or
# a process that AWS's library starts, may hang; all that has time limits ends sooner.
LOST_AFTER = 180.0

_EARLIEST = 0.9  # of the time after which a value is to be renewed: what was obtained together is not renewed together


# Seconds for which what a server has refused is not obtained again: nobody could tell a wrong user from credentials
# that are of no more use, and neither AWS nor a provider must be asked at the pace of a program that tries again.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T]):
    """A value as it was just obtained."""

    value: T = field(repr=False)
    renew_after: float
    """Seconds, from the beginning of the attempt that obtained it, after which it is to be renewed."""
    usable_for: float = math.inf
    """Seconds, counted alike, after which it must not be used any more."""

    @classmethod
    def expiring(cls, value: T, lasts_for: float, safety: float = 0.0) -> Fresh[T]:
        """Return a value that lasts for so many seconds; it is to be renewed when two thirds of them are over.

        In the last `safety` seconds it is not used any more, of a short-lived one a tenth of its time.
        """
        return cls(value, lasts_for * 2 / 3, lasts_for - min(safety, lasts_for / 10))


class Age:
    """The time since a moment: a clock that is set, or a machine that sleeps, makes things older, never younger."""

    __slots__ = ("_monotonic", "_wall")

    def __init__(self) -> None:
        self._monotonic, self._wall = time.monotonic(), time.time()

    @property
    def seconds(self) -> float:
        """The seconds since then."""
        return max(time.monotonic() - self._monotonic, time.time() - self._wall)

    @property
    def is_recent(self) -> bool:
        """Whether it is too early to do the same again because a server may have refused what came of it."""
        return self.seconds < _PATIENCE


class Held(Generic[T]):
    """A value that was obtained, and how old it is."""

    __slots__ = ("age", "at", "refused", "renew_after", "usable_for", "value")

    def __init__(self, fresh: Fresh[T], age: Age) -> None:
        self.value = fresh.value
        self.usable_for = fresh.usable_for
        self.renew_after = fresh.renew_after * random.uniform(_EARLIEST, 1)  # noqa: S311 - there is no secret in it
        self.age = age
        self.at = time.monotonic()
        self.refused = False

    @property
    def usable(self) -> bool:
        """Whether it may be used: it is not too old, and no server has refused it."""
        return not self.refused and self.age.seconds < self.usable_for


class Attempt(Generic[T]):
    """One attempt, for which any number of callers wait. `ended` is told when it is over, before they are woken."""

    def __init__(self, what: str, obtain: Callable[[], Fresh[T]], ended: Callable[[Attempt[T]], None]) -> None:
        self.what = what
        self.held: Held[T] | None = None
        self.error: SignInError | None = None
        self.done = False
        self.waiting: list[Callable[[], None]] = []
        """What wakes those who wait; who adds to it looks at `done` afterwards."""
        self._obtain = obtain
        self._ended = ended
        self._age = Age()
        self._thread: BackgroundThread | None = BackgroundThread(f"sign-in: {what}", self._run)

    @property
    def is_lost(self) -> bool:
        """Whether nobody should wait for it any more."""
        return not self.done and self._age.seconds > LOST_AFTER

    def start(self) -> None:
        """Have it begin if nobody else has; to be called by all who wait, under no lock."""
        thread = self._thread
        if thread is None:
            return
        try:
            thread.start()
        except RuntimeError as error:  # the process has no room for another thread, or is ending
            self._end(error=SignInError(f"{self.what} cannot be obtained: {error}"))

    def _run(self) -> None:
        age = Age()
        try:
            held = Held(self._obtain(), age)
        except SignInError as error:
            self._end(error=error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits; its text may tell a secret
            self._end(error=SignInError(f"{self.what} cannot be obtained: {type(error).__name__} was raised"))
        else:
            self._end(held)

    def _end(self, held: Held[T] | None = None, error: SignInError | None = None) -> None:
        self.held, self.error = held, error
        self._thread = None  # each refers to the other: together they would keep who waits
        self._ended(self)
        self.done = True
        for wake in tuple(self.waiting):
            wake()
