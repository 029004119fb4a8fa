"""Where psycopg's own tests come from: a source tree that is given, or Debian's source package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PACKAGE = "psycopg3"

# A deb822 stanza of the machine's own sources, as it is on Debian 12 and newer, and Ubuntu 24.04 and newer.
_DEBIAN = re.compile(r"^URIs: *(\S+/debian/?)$", re.MULTILINE)


def cache_folder() -> Path:
    """Return the folder for what is fetched, which may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aws-advanced-python-driver" / PACKAGE


def source_tree(given: Path | None) -> Path:
    """Return a folder with psycopg's sources and tests in it; exits with an explanation where there is none."""
    for tree in [given] if given else sorted((cache_folder() / "sources").glob("psycopg*"), reverse=True):
        if (tree / "tests" / "fix_db.py").exists():
            return tree
    if given:
        sys.exit(f"{given} is no source tree of psycopg: it has no tests/fix_db.py")
    return _unpacked(_downloaded())


def version_of(tree: Path) -> str:
    """Return the version of psycopg that the tests of a source tree were written for."""
    text = (tree / "psycopg" / "pyproject.toml").read_text()
    found = re.search(r'^version = "([\d.]+)', text, re.MULTILINE)
    if found is None:
        sys.exit(f"{tree}/psycopg/pyproject.toml names no version")
    return found.group(1)


def _downloaded() -> Path:
    """Have apt download Debian's source package, by lists and a folder of our own: nothing of the machine changes."""
    folder = cache_folder() / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "debian.sources").write_text(_sources())
    settings = {
        "Dir::Etc::sourcelist": folder / "debian.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    for command in (["update"], ["source", "--download-only", PACKAGE]):
        if subprocess.run(["/usr/bin/apt-get", *options, *command], cwd=folder, check=False).returncode:
            sys.exit("psycopg's tests could not be had from Debian; give a source tree of psycopg with --sources")
    return max(folder.glob("*.orig.tar.*"))


def _sources() -> str:
    """Describe Debian's newest source packages, at the mirror that this machine uses."""
    for file in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        text = file.read_text()
        if mirror := _DEBIAN.search(text):
            keys = re.search(r"^Signed-By: .*$", text, re.MULTILINE)
            lines = ["Types: deb-src", f"URIs: {mirror.group(1)}", "Suites: sid", "Components: main"]
            return "\n".join([*lines, keys.group() if keys else "", ""])
    sys.exit("This machine's apt knows no Debian mirror; give a source tree of psycopg with --sources")


def _unpacked(archive: Path) -> Path:
    folder = cache_folder() / "sources"
    folder.mkdir(exist_ok=True)
    subprocess.run(["/usr/bin/tar", "-xf", archive, "-C", folder], check=True)
    return max(folder.glob("psycopg*"), key=lambda tree: tree.stat().st_mtime)
