"""The pages of the documentation, and the blocks of code in them.

A block that the tests cannot run has the comment `<!-- not run: reason -->` on the line before it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^ *```(?P<language>\S*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    place: str
    language: str
    text: str
    reason: str | None
    """Why it is not run; None where it is."""


def blocks(language: str | None = None) -> Iterator[Block]:
    """Yield the blocks of all pages, or those in one language."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            if language in (None, found["language"]):
                line = text.count("\n", 0, found.start("text")) + 1
                yield Block(f"{page.name}:{line}", found["language"], found["text"], found["reason"])


def the_example(beginning: str) -> str:
    """Return the one Python example that has this line in it."""
    (text,) = [block.text for block in blocks("python") if beginning in block.text]
    return text
