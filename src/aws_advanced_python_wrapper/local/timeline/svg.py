"""A timeline as an SVG picture."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local.timeline.story import Story

_LEFT, _TOP, _LANE, _BAR = 150, 70, 40, 22  # pixels
_WORD = 50  # pixels that the word "writer" needs
_PLOT = 800
_WRITER, _READER, _WRITE, _ERROR, _INK, _FAINT = "#2f6f4f", "#e7ebe9", "#3b6ea5", "#b3261e", "#20262a", "#7b858b"


def svg(story: Story) -> str:
    """Draw one lane for each instance and one for the writes; interruptions are labelled with their length."""
    height = _TOP + _LANE * (len(story.instances) + 1) + 60
    width = _LEFT + _PLOT + 40
    body = [
        *_frame(story, width),
        *_seconds(story, height),
        *_instances(story),
        *_writes(story),
        *_blows(story),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _frame(story: Story, width: int) -> Iterator[str]:
    title = f"{len(story.writes)} writes through {len(story.blows)} failovers"
    yield f'<text x="{width / 2}" y="28" text-anchor="middle" font-size="17">{title}</text>'


def _seconds(story: Story, height: int) -> Iterator[str]:
    for second in range(0, int(story.length) + 1, max(1, round(story.length / 10))):
        x = _x(story, second)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - 44}" stroke="#d4dadd"/>'
        yield _text(x, height - 26, _FAINT, f"{second} s")


def _instances(story: Story) -> Iterator[str]:
    for lane, name in enumerate(story.instances):
        y = _TOP + lane * _LANE
        yield _label(name, y)
        yield _bar(_LEFT, _PLOT, y, _READER)
        for reign in story.reigns:
            if reign.instance == name:
                start, end = _x(story, reign.start), _x(story, min(reign.end, story.length))
                yield _bar(start, end - start, y, _WRITER)
                if end - start > _WORD:
                    yield _text((start + end) / 2, y + 15, "white", "writer")


def _writes(story: Story) -> Iterator[str]:
    y = _TOP + len(story.instances) * _LANE
    yield _label("writes", y)
    edges = [0.0, *(at for gap in story.interruptions for at in (gap.start, gap.end)), story.length]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield _bar(_x(story, start), _x(story, end) - _x(story, start), y, _WRITE)
    for gap in story.interruptions:
        x = _x(story, (gap.start + gap.end) / 2)
        seconds = gap.end - gap.start
        length = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
        yield _text(x, y + _BAR + 15, _ERROR, length)


def _blows(story: Story) -> Iterator[str]:
    for blow in story.blows:
        x, y = _x(story, blow.at), _TOP + story.instances.index(blow.instance) * _LANE
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 12}" y2="{y + _BAR}" stroke="{_ERROR}" stroke-width="2"/>'
        yield _text(x, _TOP - 18, _ERROR, blow.kind)


def _x(story: Story, seconds: float) -> float:
    return _LEFT + _PLOT * seconds / story.length


def _bar(x: float, width: float, y: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="{max(width, 1):.1f}" height="{_BAR}" rx="3" fill="{colour}"/>'


def _text(x: float, y: float, colour: str, content: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="middle" fill="{colour}">{escape(content)}</text>'


def _label(name: str, y: float) -> str:
    return f'<text x="{_LEFT - 12}" y="{y + 16}" text-anchor="end">{escape(name)}</text>'
