"""For how long a server has been silent, found out by checks in a row, and whose patience that exceeds."""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

_HELD_UP = 2  # intervals: when a check has taken longer, it was this process that did not run


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection waits for its server; all but `count` in seconds."""

    time: float
    """How long a call may last before its server is checked."""
    interval: float
    """How long the server has to answer a check, and how long each check takes."""
    count: int
    """How many checks in a row go without answer before the call is given up."""
    disposal: float
    """How long the server's thread stays after the last connection is gone."""

    @property
    def silence(self) -> float:
        """For how long a server may be silent while a call is overdue."""
        return self.count * self.interval


class Probe(Protocol):
    """A connection of the driver's own to a server."""

    def check(self, seconds: float) -> bool:
        """Tell whether the server says anything within so many seconds; what is not complete goes on in the next check.

        Whatever is raised means that it could not be asked, for a reason that is not the server's.
        """
        ...

    def close(self) -> None:
        """End the connection without waiting for the server."""
        ...


class Caller(Protocol):
    """A connection of the program's, whose calls may wait for a server in vain."""

    @property
    def patience(self) -> Patience:
        """How long it waits."""
        ...

    @property
    def running(self) -> Sequence[float]:
        """Monotonic times, in seconds, at which the calls began that have not returned yet."""
        ...

    def open_probe(self) -> Probe:
        """Return a probe of the server; its first check connects."""
        ...

    def keep_alive(self) -> None:
        """Have the operating system ask, too, whether the other end still knows of the connection."""
        ...

    def has_heard(self, seconds: float) -> bool:
        """Tell whether anything has come from the server in the last so many seconds, as far as is known."""
        ...

    def give_up(self, began: float) -> None:
        """End the call that began at that time, if it is still running."""
        ...


Overdue: TypeAlias = tuple[Caller, float]
"""A caller, and when the call began that has lasted too long."""


class Silence:
    """The checks of one server while calls are overdue: one probe, and how many checks in a row went without answer.

    Used by one thread only. Calls are never kept here, since they would keep their connections.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._probe: Probe | None = None
        self._turns = itertools.count()
        self._missed = 0
        self._seconds = 0.0
        self._probe_silent = 0.0
        self._told: set[str] = set()

    def begin(self, overdue: Sequence[Overdue]) -> None:
        """Have a probe, with the settings of one of the callers."""
        for caller, _ in overdue:
            caller.keep_alive()
        if self._probe is not None or not overdue:
            return
        caller, _ = overdue[next(self._turns) % len(overdue)]  # each time another's: the settings of one may be wrong
        try:
            self._probe = caller.open_probe()
        except Exception as error:  # noqa: BLE001 - the thread must go on
            self._tell("cannot check %s: %s", error)

    def ask(self, seconds: float) -> bool | None:
        """Return whether the server answers in time; None if it could not be asked."""
        if self._probe is None:
            return None
        began = time.monotonic()
        try:
            answered = self._probe.check(seconds)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is no answer, and no silence either
            self._tell("cannot check %s: %s", error)
            self._close()
            return None
        held_up = not answered and time.monotonic() - began > _HELD_UP * seconds
        return None if held_up else answered

    def count(self, answered: bool | None, seconds: float, longest: float) -> None:
        """Count a check that took so many seconds; a probe that is silent for the longest interval is replaced.

        Not sooner, so that a host is not taken for silent because another connection wants answers too soon for it.
        """
        if answered:
            self._forget()
        elif answered is False:
            self._missed, self._seconds = self._missed + 1, self._seconds + seconds
            self._probe_silent += seconds
            if self._probe_silent >= longest:
                self._close()

    def give_up(self, overdue: Sequence[Overdue], callers: Sequence[Caller]) -> None:
        """End the calls of those whose patience is over, unless any of the callers still hears from the server."""
        over = [(caller, began) for caller, began in overdue if self._exceeds(caller.patience)]
        if not over:
            return
        silence = min(caller.patience.silence for caller, _ in over)
        if any(caller.has_heard(silence) for caller in callers):
            self._tell("%s does not answer checks for %.1f s, but is heard of by the program", self._seconds)
            self._missed, self._seconds = 0, 0.0
            return
        # No warning: what becomes of the calls is told by whoever deals with their errors.
        self._tell("%s has not answered for %.1f s: calls that wait for it are given up", self._seconds, logging.INFO)
        for caller, began in over:
            try:
                caller.give_up(began)
            except Exception as error:  # noqa: BLE001, PERF203 - one caller's trouble is none of the others'
                logger.warning("giving up a call to %s: %s", self._address, error)

    def _exceeds(self, patience: Patience) -> bool:
        return self._missed >= patience.count and self._seconds >= patience.silence

    def end(self) -> None:
        """Close the probe and forget: no call is overdue any more."""
        self._close()
        self._forget()

    def _forget(self) -> None:
        self._missed, self._seconds, self._probe_silent = 0, 0.0, 0.0
        self._told.clear()

    def _close(self) -> None:
        probe, self._probe, self._probe_silent = self._probe, None, 0.0
        if probe is None:
            return
        try:
            probe.close()
        except Exception as error:  # noqa: BLE001 - nobody needs the connection any more, but its thread must live on
            logger.debug("closing a probe of %s: %s", self._address, error)

    def _tell(self, message: str, detail: object, level: int = logging.WARNING) -> None:
        if message not in self._told:  # once in a row of checks
            self._told.add(message)
            logger.log(level, message, self._address, detail)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._address}: {self._missed} checks, {self._seconds:.3f} s>"
