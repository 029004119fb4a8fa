"""Values that expire: obtained when they are first needed, and anew in the background before they expire."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.releasing import at_release
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import first_line
from aws_advanced_python_wrapper.sign_in.attempts import LOST_AFTER, Age, Attempt, Fresh, Held
from aws_advanced_python_wrapper.sign_in.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from aws_advanced_python_wrapper.core.io import Io

__all__ = ["SCHEDULE", "Age", "Fresh", "Given", "Renewed", "RenewedValues"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds between attempts to renew a value that is still good: the pause doubles.
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0
_MOST_DOUBLINGS = 6

_SOONEST = 1.0  # s; nothing is renewed sooner, whatever it says of itself

# Seconds: how long a value is kept that nobody uses, and the pause between two looks for such values.
_KEPT_FOR = 900.0
_LOOKING_PAUSE = 60.0

SCHEDULE = Schedule()


@dataclass(frozen=True, slots=True)
class Given(Generic[T]):
    """What a caller gets."""

    value: T = field(repr=False)
    was_at_hand: bool
    """Whether it had been obtained before it was asked for."""


class _Nobody:
    """In whose name a value is asked for that is needed for a moment only."""


class Renewed(Generic[T]):
    """One value that expires. `obtain` returns it, or raises `SignInError`; `what` is how people call it.

    `asked` is who has to answer before it can be had, where `what` does not tell.

    Each attempt to obtain it runs in a thread of its own: no event loop is held up, and any number of callers, in
    threads and tasks, wait for one attempt. It is renewed for as long as somebody lives who has asked for it.
    """

    def __init__(self, what: str, obtain: Callable[[], Fresh[T]], asked: str = "") -> None:
        self.what = what
        self._asked = asked
        self._obtain = obtain
        self._held: Held[T] | None = None
        self._used_at = -math.inf
        self._forgotten = False
        self._failures = 0
        self._retry: tuple[Age, float] | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """Start clean in a forked child: no thread of the parent lives, and the lock may be held by one."""
        # Re-entrant: a signal handler may open a connection at any moment. Nothing is waited for under it.
        self._lock = threading.RLock()
        self._attempt: Attempt[T] | None = None
        self._users: weakref.WeakSet[Any] = weakref.WeakSet()

    async def get(
        self, io: Io, user: object, deadline: Deadline, *, refused: T | None = None, doubted: bool = False
    ) -> Given[T]:
        """Return the value, at once if it is at hand; it is renewed in the background while `user` lives.

        A value that a server has `refused` is not given again unless it is what is obtained anew, or nothing can be
        obtained. One that is `doubted` is obtained anew for this caller, unless that was done or tried a moment ago;
        others are given what is at hand meanwhile. Raises `SignInError`.
        """
        found = self._look(user, refused, doubted=doubted)
        if isinstance(found, Held):
            return Given(found.value, was_at_hand=True)
        ended = io.event()
        found.waiting.append(ended.set)
        found.start()
        if found.done:
            ended.set()
        await ended.wait(min(deadline.remaining(), LOST_AFTER))
        if found.held is not None:
            return Given(found.held.value, was_at_hand=False)
        if found.error is not None:
            raise SignInError(str(found.error)) from found.error
        raise SignInError(
            f"{self.what} could not be obtained within the time allowed for connecting: see why "
            f"{f'{self._asked} does not answer' if self._asked else 'nobody answers'}, or set a longer connect_timeout"
        )

    def get_blocking(self, *, doubted: bool = False) -> T:
        """Return the value in a thread that may block, for all who wait for what is made with it.

        Raises `SignInError`.
        """
        return run(self.get(BlockingIo(), _Nobody(), Deadline.never(), doubted=doubted)).value

    def at_hand(self, user: object) -> T | None:
        """Return the value if it can be had without waiting; otherwise it is obtained for the next time."""
        found = self._look(user)
        if isinstance(found, Held):
            return found.value
        found.start()
        return None

    # The schedule asks these under its own lock, so without ours, under which a caller may want the schedule's.

    @property
    def due_in(self) -> float:
        """Seconds until the value is to be renewed; infinity while that is being tried, or where there is none."""
        held, retry = self._held, self._retry
        if held is None or self.is_busy:
            return math.inf
        if retry is not None:
            return retry[1] - retry[0].seconds
        return max(held.renew_after, _SOONEST) - held.age.seconds

    @property
    def is_busy(self) -> bool:
        """Whether it is being obtained just now."""
        attempt = self._attempt
        return attempt is not None and not attempt.is_lost

    @property
    def is_wanted(self) -> bool:
        """Whether anybody lives who has asked for it, or has asked for it since it was obtained last."""
        held = self._held
        return len(self._users) > 0 or (held is not None and self._used_at > held.at)

    @property
    def is_over(self) -> bool:
        """Whether nobody would miss it."""
        held = self._held
        if self.is_busy or len(self._users) > 0:
            return False
        return held is None or not held.usable or time.monotonic() - self._used_at > _KEPT_FOR

    def forget(self) -> None:
        """Serve those who still wait, and be renewed no more."""
        self._forgotten = True

    def renew(self) -> None:
        """Obtain the value anew in the background."""
        with self._lock:
            attempt = self._under_way()
        attempt.start()

    def _look(self, user: object, refused: T | None = None, *, doubted: bool = False) -> Held[T] | Attempt[T]:
        """Return the value if it is usable, and else the attempt to obtain it, which the caller starts."""
        with self._lock:
            self._used_at = time.monotonic()
            self._users.add(user)
            held = self._held
            if held is not None and refused is not None and held.value == refused:
                held.refused = True
            if held is None or not held.usable or (doubted and not held.age.is_recent and not self._has_just_failed):
                return self._under_way()
        if self not in SCHEDULE:
            self._schedule()
        return held

    @property
    def _has_just_failed(self) -> bool:
        return self._retry is not None and self._retry[0].seconds < self._retry[1]

    def _under_way(self) -> Attempt[T]:
        """Return the attempt that is being made, or else another one. Called under the lock."""
        if self._attempt is None or self._attempt.is_lost:
            self._attempt = Attempt(self.what, self._obtain, self._ended)
        return self._attempt

    def _ended(self, attempt: Attempt[T]) -> None:
        """Take what an attempt has brought."""
        with self._lock:
            if self._attempt is attempt:
                self._attempt = None
            if attempt.held is None:
                self._note_failure()
            else:  # even where it had been given up for lost
                self._held, self._retry, self._failures = attempt.held, None, 0
            still_good = self._held is not None and self._held.usable
        if still_good or self in SCHEDULE:  # which waits to be told when it is due next
            self._schedule()
        if attempt.error is not None and still_good:
            logger.warning(
                "%s could not be renewed, so what there is goes on being used: %s", self.what, first_line(attempt.error)
            )

    def _note_failure(self) -> None:
        pause = min(_FIRST_RETRY * 2**self._failures, _LONGEST_RETRY)
        self._retry, self._failures = (Age(), pause), min(self._failures + 1, _MOST_DOUBLINGS)
        if self._held is not None:
            self._held.refused = False  # one server has: others may let their users in with it, and there is no better

    def _schedule(self) -> None:
        if not self._forgotten:
            SCHEDULE.put(self)
        if self._forgotten:  # maybe meanwhile, and the schedule was cleared before
            SCHEDULE.drop(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.what}>"


class RenewedValues(Generic[T]):
    """The values of one kind: whoever asks for the same key, for whichever connection, shares one."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Renewed[T]] = {}
        self._looked_at = time.monotonic()
        self._lock = threading.RLock()
        _KINDS.append(self)

    def of(self, key: Hashable, what: str, obtain: Callable[[], Fresh[T]], asked: str = "") -> Renewed[T]:
        """Return the value for a key; the first one who asks says how it is called and obtained."""
        found = self._values.get(key)
        if found is not None:
            return found
        with self._lock:
            if time.monotonic() - self._looked_at > _LOOKING_PAUSE:
                self._looked_at = time.monotonic()
                self._values = {old: value for old, value in self._values.items() if not value.is_over}
            return self._values.setdefault(key, Renewed(what, obtain, asked))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            forgotten, self._values = self._values, {}
        for value in forgotten.values():
            value.forget()

    def after_fork(self) -> None:
        """Start clean in a forked child, which may use what its parent has obtained."""
        self._lock = threading.RLock()
        for value in self._values.values():
            value.after_fork()


_KINDS: list[RenewedValues[Any]] = []


def forget() -> None:
    """Forget all values: each is obtained anew when it is needed."""
    for kind in _KINDS:
        kind.clear()
    SCHEDULE.clear()


def _after_fork() -> None:
    SCHEDULE.after_fork()
    for kind in _KINDS:
        kind.after_fork()


os.register_at_fork(after_in_child=_after_fork)
at_release(forget)
