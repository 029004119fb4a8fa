"""A timeline for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.timeline.story import Story

_WIDTH = 72


def text(story: Story) -> str:
    """Draw one lane for each instance and one for the writes, and say below what happened in numbers."""
    scale = _WIDTH / story.length
    margin = max(len(name) for name in (*story.instances, "writes")) + 2
    lanes = [f"{name:<{margin}}{_reigns(story, name, scale)}" for name in story.instances]
    writes = f"{'writes':<{margin}}{_writes(story, scale)}"
    return "\n".join(["", " " * margin + _ruler(story, scale), *lanes, writes, *_legend(), "", *_numbers(story)])


def _legend() -> list[str]:
    return ["", "█ is the writer   ▪ rows acknowledged   ✗ error caught"]


def _ruler(story: Story, scale: float) -> str:
    line = [" "] * (_WIDTH + 8)
    for second in range(0, int(story.length) + 1, max(1, round(story.length / 8))):
        label = f"{second} s"
        at = int(second * scale)
        line[at : at + len(label)] = label
    return "".join(line).rstrip()


def _reigns(story: Story, name: str, scale: float) -> str:
    line = ["·"] * _WIDTH
    for reign in story.reigns:
        if reign.instance == name:
            first, last = int(reign.start * scale), min(_WIDTH, int(reign.end * scale) + 1)
            line[first:last] = "█" * (last - first)
    return "".join(line)


def _writes(story: Story, scale: float) -> str:
    line = [" "] * _WIDTH
    for at in story.writes:
        line[min(_WIDTH - 1, int(at * scale))] = "▪"
    for interruption in story.interruptions:
        line[min(_WIDTH - 1, int(interruption.end * scale))] = "✗"
    return "".join(line)


def _numbers(story: Story) -> list[str]:
    lines = [
        f"{blow.at:6.2f} s  {blow.kind} of {blow.instance}; a new writer after {blow.accepted - blow.at:.3f} s"
        for blow in story.blows
    ]
    for interruption in story.interruptions:
        accepted = [blow.accepted for blow in story.blows if blow.accepted <= interruption.end]
        after = f", back {1000 * (interruption.end - accepted[-1]):.0f} ms after the new writer" if accepted else ""
        lines.append(
            f"{interruption.start:6.2f} s  writes interrupted for {interruption.end - interruption.start:.3f} s{after}"
            f"; caught {interruption.error.partition(':')[0]}"
        )
    return sorted(lines)
