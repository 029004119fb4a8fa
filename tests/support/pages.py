"""The pages of the documentation, and the blocks of code in them.

A block that the tests cannot run has the comment `<!-- not run: reason -->` on the line before it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aws_advanced_python_wrapper.conninfo import parse
from aws_advanced_python_wrapper.local.conninfo import make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^ *```(?P<language>\S*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)

DOMAIN = "c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
"""Of the imaginary cluster that all pages mean."""

ADDRESS = re.compile(rf'"((?:host=|postgres(?:ql)?://)[^"\n]*{re.escape(DOMAIN)}[^"\n]*)"')


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


def at_local_cluster(conninfo: str, cluster: LocalCluster) -> str:
    """Return a connection string with the local cluster's endpoint of the same kind, and its user and database."""
    written = parse(conninfo)
    endpoint = cluster.reader_endpoint if ".cluster-ro-" in written["host"] else cluster.writer_endpoint
    return make({**written, **parse(cluster.conninfo(endpoint))})


def runnable(code: str, cluster: LocalCluster) -> str:
    """Return an example with the local cluster in place of the imaginary one."""
    assert ".rds.amazonaws.com" not in code.replace(DOMAIN, ""), f"a cluster that no test knows: use {DOMAIN}"
    code = ADDRESS.sub(lambda found: repr(at_local_cluster(found[1], cluster)), code)
    return code.replace(DOMAIN, cluster.writer_endpoint.partition(".cluster-")[2])
