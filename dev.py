#!/usr/bin/env python3
"""Commands for a fresh machine that has only Python 3.10 or newer with pip and venv.

    python3 dev.py demo             watch a program live through two failovers of a real PostgreSQL cluster;
                                    with --engine mysql of a MySQL cluster
    python3 dev.py test             run every check: style, types, layers, documentation, unit tests, cluster tests
    python3 dev.py docs             build the documentation into build/docs; a warning is an error
    python3 dev.py psycopg-suite    run psycopg's own tests on psycopg and through this driver, and compare

Everything is installed into the folder ``.venv`` beside this file. Only a MySQL server, which ``test`` and
``demo --engine mysql`` fetch where there is none, is kept in your cache folder: ~/.cache/aws-driver-local, or root's
/var/cache/aws-driver-local.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
FAILOVER_TESTS = ("tests/cluster/test_failover.py", "tests/cluster/aio/test_failover.py")


class OldestDriver(NamedTuple):
    """The oldest versions of drivers that are supported, and the tests that show it."""

    name: str
    requirements: Sequence[str]
    tests: Sequence[str]
    first_python_without_it: tuple[int, ...] = (4,)


OLDEST_DRIVERS = (
    OldestDriver("psycopg", ["psycopg[binary]==3.1.12"], [*FAILOVER_TESTS, "-k", "not mysql"], (3, 13)),
    OldestDriver(
        "mysql-connector",
        ["mysql-connector-python==8.1.0"],
        # To check a server's name it calls a function that Python has deprecated.
        ["tests/cluster/test_endpoints.py", "-k", "mysql and not tls"],
    ),
    OldestDriver(
        "mysql-asyncio",
        # The connector's asyncio flavour is there from 8.3 on, which knows no server newer than MySQL 8.
        ["mysql-connector-python==8.4.0", "aiomysql==0.3.0"],
        ["tests/cluster/aio/test_endpoints.py", "-k", "(mysql-aio or aiomysql) and (leads_to or fails_over)"],
    ),
)


def main() -> int:
    options, arguments = parser().parse_known_args()
    if sys.version_info < (3, 10):
        sys.exit(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}")
    install(VENV, development_requirements())
    if options.command == "demo":
        return run_demo(options.engine, arguments)
    if options.command == "docs":
        return run(documentation())
    if options.command == "psycopg-suite":
        return run([python(VENV), "-m", "psycopg_suite", *arguments], PYTHONPATH=str(ROOT / "tests"))
    return run_checks(fast=options.fast, arguments=arguments)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="run the failover demo on a local cluster of real servers")
    demo.add_argument("--engine", choices=["postgresql", "mysql"], default="postgresql")
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


def run_demo(engine: str, arguments: list[str]) -> int:
    if engine == "mysql" and (status := get_mysql()) != 0:
        return status
    say("starting the demo")
    return run([python(VENV), ROOT / "examples" / "failover_demo.py", "--engine", engine, *arguments])


def get_mysql() -> int:
    """Have a MySQL server; without one its tests are skipped, and say why."""
    say("looking for a MySQL server")
    return run([VENV / "bin" / "aws-driver-local", "get-mysql"])


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
    if not fast:
        get_mysql()
    if not fast and not arguments:
        for driver in OLDEST_DRIVERS:
            checks |= with_oldest(driver)
    failed = []
    for name, command in checks.items():
        say(name)
        if run(command) != 0:
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "everything passed")
    return 1 if failed else 0


def with_oldest(driver: OldestDriver) -> dict[str, list[str | Path]]:
    """Return the check that a failover works with the oldest drivers, where those can be installed."""
    if sys.version_info >= driver.first_python_without_it:
        say(f"leaving out the tests with {' and '.join(driver.requirements)}: never built for this Python")
        return {}
    folder = VENV / f"oldest-{driver.name}"
    install(folder, [*driver.requirements, *(tool for tool in group("dev") if "pytest" in tool)])
    return {f"tests with the oldest {driver.name}": [python(folder), "-m", "pytest", *driver.tests]}


def run(command: Sequence[str | Path], **variables: str) -> int:
    variables = {**environment(), **variables}
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=False, env=variables).returncode


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
