"""A record of a rehearsal: what the cluster did, what the program saw, and a picture of both."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.timeline.story import Blow, Interruption, Reign, Story
from aws_advanced_python_wrapper.local.timeline.svg import svg
from aws_advanced_python_wrapper.local.timeline.text import text

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.cluster import LocalCluster
    from aws_advanced_python_wrapper.local.values import Event

_CHANGES = ("failover", "switchover")
_PROGRESS_EVERY = 0.1  # s between two updates of the line that shows progress
_PROGRESS_EVERY_UNSEEN = 1.0  # s, where the output is no terminal and every update is a new line


@dataclass
class Timeline:
    """Tell it what happens; it prints progress, and at the end draws who was writer when and what the program saw."""

    _successes: list[float] = field(default_factory=list)
    _failures: list[tuple[float, str]] = field(default_factory=list)
    _history: list[Event] = field(default_factory=list)
    _instances: tuple[str, ...] = ()
    _began: float = 0.0
    _ended: float = 0.0
    _shown_at: float = 0.0
    _line_is_open: bool = False

    def say(self, message: str) -> None:
        """Print a message of its own line."""
        print("\n" * self._line_is_open + message, flush=True)  # noqa: T201 - this class talks to people
        self._line_is_open = False

    def begin(self, cluster: LocalCluster) -> None:
        """Start the clock."""
        self._instances = tuple(instance.name for instance in cluster.instances)
        self._began = time.monotonic()

    def succeeded(self) -> None:
        """Note that the server has acknowledged a write."""
        now = time.monotonic()
        self._successes.append(now)
        if now - self._shown_at >= (_PROGRESS_EVERY if sys.stdout.isatty() else _PROGRESS_EVERY_UNSEEN):
            self._shown_at = now
            self._show_progress(f"{now - self._began:5.1f} s  {len(self._successes)} rows acknowledged")

    def failed(self, error: Exception) -> None:
        """Note an error that the program caught."""
        now = time.monotonic()
        self._failures.append((now, f"{type(error).__name__}: {error}"))
        self.say(f"{now - self._began:5.1f} s  caught {type(error).__name__}: {error}")

    def end(self, cluster: LocalCluster) -> None:
        """Stop the clock and ask the cluster what it has done."""
        self._ended = time.monotonic()
        self._history = cluster.history()

    def show(self) -> None:
        """Draw the timeline on the terminal."""
        self.say(text(self.story()))

    def save(self, path: str | Path) -> None:
        """Draw the timeline into an SVG file."""
        Path(path).write_text(svg(self.story()), encoding="utf-8")
        self.say(f"the same as a picture: {Path(path).resolve()}")

    def story(self) -> Story:
        """Return what was recorded."""
        return Story(
            instances=self._instances,
            length=self._ended - self._began,
            reigns=tuple(self._reigns()),
            blows=tuple(self._blows()),
            writes=tuple(at - self._began for at in self._successes),
            interruptions=tuple(self._interruption(at, error) for at, error in self._failures),
        )

    def _show_progress(self, line: str) -> None:
        terminal = sys.stdout.isatty()
        print(f"\r{line}" if terminal else line, end="" if terminal else "\n", flush=True)  # noqa: T201
        self._line_is_open = terminal

    def _reigns(self) -> list[Reign]:
        reigns = []
        crowned: Event | None = None
        for event in self._history:
            if event.what in _CHANGES and crowned:
                reigns.append(self._reign(crowned, event.at))
            crowned = {"writer": event, **dict.fromkeys(_CHANGES)}.get(event.what, crowned)
        return reigns + ([self._reign(crowned, self._ended)] if crowned else [])

    def _reign(self, crowned: Event, end: float) -> Reign:
        return Reign(crowned.instance, max(0.0, crowned.at - self._began), end - self._began)

    def _blows(self) -> list[Blow]:
        crownings = [event.at for event in self._history if event.what == "writer"]
        return [
            Blow(event.instance, event.detail, event.at - self._began, after[0] - self._began)
            for event in self._history
            if event.what in _CHANGES and (after := [at for at in crownings if at > event.at])
        ]

    def _interruption(self, at: float, error: str) -> Interruption:
        last = bisect_left(self._successes, at) - 1
        following = bisect_right(self._successes, at)
        start = self._successes[last] if last >= 0 else self._began
        end = self._successes[following] if following < len(self._successes) else self._ended
        return Interruption(start - self._began, end - self._began, error)
