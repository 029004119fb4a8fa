"""What a rehearsal was, as values to draw."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interruption:
    """Writes were failing, or waiting, from `start` to `end`."""

    start: float
    end: float
    error: str


@dataclass(frozen=True, slots=True)
class Reign:
    """`instance` was the writer from `start` to `end`."""

    instance: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Blow:
    """A failover began at `at`; `accepted` is when the new writer took writes."""

    instance: str
    kind: str
    at: float
    accepted: float


@dataclass(frozen=True, slots=True)
class Story:
    """All there is to draw. Times are seconds since the recording began."""

    instances: tuple[str, ...]
    length: float
    reigns: tuple[Reign, ...]
    blows: tuple[Blow, ...]
    writes: tuple[float, ...]
    interruptions: tuple[Interruption, ...]
