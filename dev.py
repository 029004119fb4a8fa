#!/usr/bin/env python3
"""Commands for a fresh machine that has only Python 3.10 or newer with pip and venv.

    python3 dev.py demo             watch a program live through two failovers of a real PostgreSQL cluster
    python3 dev.py test             run every check: style, types, layers, documentation, unit tests, cluster tests
    python3 dev.py docs             build the documentation into build/docs; a warning is an error
    python3 dev.py psycopg-suite    run psycopg's own tests on psycopg and through this driver, and compare

Everything is installed into the folder ``.venv`` beside this file and nowhere else.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
OLDEST_VENV = VENV / "oldest-psycopg"
OLDEST_PSYCOPG = "psycopg[binary]==3.1.12"
FIRST_PYTHON_WITHOUT_IT = (3, 13)


def main() -> int:
    options, arguments = parser().parse_known_args()
    if sys.version_info < (3, 10):
        sys.exit(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}")
    install(VENV, development_requirements())
    if options.command == "demo":
        return run_demo(arguments)
    if options.command == "docs":
        return run(documentation())
    if options.command == "psycopg-suite":
        return run([python(VENV), "-m", "psycopg_suite", *arguments], PYTHONPATH=str(ROOT / "tests"))
    return run_checks(fast=options.fast, arguments=arguments)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="run the failover demo on a local cluster of real servers")
    test = commands.add_parser("test", help="run every check and test; other words and options are pytest's")
    test.add_argument("--fast", action="store_true", help="leave out everything that needs a server")
    commands.add_parser("docs", help="build the documentation")
    commands.add_parser("psycopg-suite", help="compare psycopg's own tests, also --help", add_help=False)
    return made


def install(folder: Path, requirements: Sequence[str]) -> None:
    """Make an environment with the project in it, unless that was done for this pyproject.toml and requirements."""
    wanted = f"{sys.version}\n{requirements}\n{hashlib.sha256((ROOT / 'pyproject.toml').read_bytes()).hexdigest()}"
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"creating {folder}")
    try:
        venv.create(folder, clear=True, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit("This Python has no pip for new environments; on Debian and Ubuntu: apt install python3-venv")
    say("installing the driver and its local cluster (PostgreSQL included), and " + ", ".join(requirements))
    pip = [str(python(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--editable", f"{ROOT}[psycopg,local]", *requirements], check=True)
    stamp.write_text(wanted)


def python(folder: Path) -> Path:
    return folder / "bin" / "python"


def development_requirements() -> list[str]:
    return [*group("dev"), *group("docs")]


def group(name: str) -> list[str]:
    """Read a dependency group of pyproject.toml, one quoted requirement a line (Python 3.10 has no TOML reader)."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    first = lines.index(f"{name} = [") + 1
    return [line.strip().strip('",') for line in lines[first : lines.index("]", first)]]


def documentation() -> list[str | Path]:
    """Return the command that builds the documentation anew, so that no warning is missed."""
    strictly = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "--quiet"]
    return [python(VENV), "-m", "sphinx", *strictly, "-c", "docs", ".", "build/docs"]


def run_demo(arguments: list[str]) -> int:
    say("starting the demo")
    return run([python(VENV), ROOT / "examples" / "failover_demo.py", *arguments])


def run_checks(*, fast: bool, arguments: list[str]) -> int:
    tests = ["tests/unit"] if fast else ["tests"]
    checks: dict[str, list[str | Path]] = {
        "style": [python(VENV), "-m", "ruff", "check", "."],
        "format": [python(VENV), "-m", "ruff", "format", "--check", "."],
        "types": [python(VENV), "-m", "mypy"],
        "layers": [VENV / "bin" / "lint-imports"],
        "documentation": documentation(),
        "tests": [python(VENV), "-m", "pytest", *tests, *arguments],
    }
    if not fast and not arguments:
        checks |= with_the_oldest_psycopg()
    failed = []
    for name, command in checks.items():
        say(name)
        if run(command) != 0:
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "everything passed")
    return 1 if failed else 0


def with_the_oldest_psycopg() -> dict[str, list[str | Path]]:
    """Return the check that a failover works with the oldest psycopg that is supported, where that can be installed."""
    if sys.version_info >= FIRST_PYTHON_WITHOUT_IT:
        say(f"leaving out the tests with {OLDEST_PSYCOPG}: it was never built for this Python")
        return {}
    install(OLDEST_VENV, [OLDEST_PSYCOPG, *(tool for tool in group("dev") if "pytest" in tool)])
    tests = ["tests/cluster/test_failover.py", "tests/cluster/aio/test_failover.py"]
    return {"tests with the oldest psycopg": [python(OLDEST_VENV), "-m", "pytest", *tests]}


def run(command: Sequence[str | Path], **variables: str) -> int:
    variables = {**environment(), **variables}
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=False, env=variables).returncode


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
