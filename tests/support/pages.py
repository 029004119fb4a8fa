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

URL = r"(?:postgres(?:ql)?|mysql)://"

ADDRESS = re.compile(rf'"((?:host=|{URL})[^"\n]*{re.escape(DOMAIN)}[^"\n]*)"')

# The same in parts, as keywords or in a dictionary.
HOST = re.compile(rf'(?P<name>host=|"host": )"(?P<host>[^"]*{re.escape(DOMAIN)})"')
PASSWORD = re.compile(r'(?P<name>password=|"password": )"\.\.\."')


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
    own = {name: value for name, value in written.items() if name not in ("dbname", "database")}
    return make({**own, **parse(cluster.conninfo(_endpoint(written["host"], cluster)))})


def _endpoint(host: str, cluster: LocalCluster) -> str:
    return cluster.reader_endpoint if ".cluster-ro-" in host else cluster.writer_endpoint


def runnable(code: str, cluster: LocalCluster) -> str:
    """Return an example with the local cluster in place of the imaginary one."""
    assert ".rds.amazonaws.com" not in code.replace(DOMAIN, ""), f"a cluster that no test knows: use {DOMAIN}"
    code = ADDRESS.sub(lambda found: repr(at_local_cluster(found[1], cluster)), code)
    local = parse(cluster.conninfo())
    separators = {"host=": ", port=", '"host": ': ', "port": '}
    code = HOST.sub(
        lambda found: f"{found['name']}{_endpoint(found['host'], cluster)!r}{separators[found['name']]}{local['port']}",
        code,
    )
    code = PASSWORD.sub(lambda found: f"{found['name']}{local['password']!r}", code)
    code = code.replace('"global-bundle.pem"', repr(str(cluster.ca_file)))
    return code.replace(DOMAIN, cluster.writer_endpoint.partition(".cluster-")[2])
