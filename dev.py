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
import signal
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Command = Sequence[str | Path]

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
EXTRAS = "psycopg,aws,federated,local,local-aws"
EXTRAS_OF_DEMO = "psycopg,mysql,local"
LANES = min(3, os.cpu_count() or 1)
LONGEST_CHECK = 60 * 60  # s
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
    if options.command == "demo":
        if not is_installed(VENV, development_requirements(), EXTRAS):
            install(VENV, [], EXTRAS_OF_DEMO)
        return run_demo(options.engine, arguments)
    install(VENV, development_requirements())
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


def install(folder: Path, requirements: Sequence[str], extras: str = EXTRAS) -> None:
    """Make an environment with the project in it, unless that was done for this pyproject.toml and requirements."""
    if is_installed(folder, requirements, extras):
        return
    say(f"creating {folder}")
    try:
        venv.create(folder, clear=True, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit("This Python has no pip for new environments; on Debian and Ubuntu: apt install python3-venv")
    say(f"installing the driver with {extras} (PostgreSQL included){''.join(f', {one}' for one in requirements)}")
    pip = [str(python(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--editable", f"{ROOT}[{extras}]", *requirements], check=True)
    stamp(folder).write_text(stamped(requirements, extras))


def is_installed(folder: Path, requirements: Sequence[str], extras: str) -> bool:
    return stamp(folder).exists() and stamp(folder).read_text() == stamped(requirements, extras)


def stamp(folder: Path) -> Path:
    return folder / "installed"


def stamped(requirements: Sequence[str], extras: str) -> str:
    """Return what tells one state of an environment from another."""
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"{sys.version}\n{extras}\n{requirements}\n{project}"


def python(folder: Path) -> Path:
    return folder / "bin" / "python"


def development_requirements() -> list[str]:
    return [*group("dev"), *group("docs")]


def group(name: str) -> list[str]:
    """Read a dependency group of pyproject.toml, one quoted requirement a line (Python 3.10 has no TOML reader)."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    first = lines.index(f"{name} = [") + 1
    return [line.strip().strip('",') for line in lines[first : lines.index("]", first)]]


def documentation() -> Command:
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
    checks = {**static_checks(), **tests(fast=fast, arguments=arguments)}
    if not fast:
        get_mysql()
    if not fast and not arguments:
        for driver in OLDEST_DRIVERS:
            checks |= with_oldest(driver)
    with ThreadPoolExecutor(LANES) as lanes:  # tests wait more than they work
        passed = list(lanes.map(run_in_lane, checks, checks.values()))
    failed = [name for name, fine in zip(checks, passed, strict=True) if not fine]
    say(f"failed: {', '.join(failed)}" if failed else "everything passed")
    return 1 if failed else 0


def static_checks() -> dict[str, Command]:
    return {
        "style": [python(VENV), "-m", "ruff", "check", "."],
        "format": [python(VENV), "-m", "ruff", "format", "--check", "."],
        "types": [python(VENV), "-m", "mypy"],
        "layers": [VENV / "bin" / "lint-imports"],
        "documentation": documentation(),
    }


def tests(*, fast: bool, arguments: list[str]) -> dict[str, Command]:
    """Return the tests, in parts that can run side by side: the one that takes longest comes first."""
    pytest: Command = [python(VENV), "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    if fast:
        return {"unit tests": [*pytest, "tests/unit"]}
    if arguments:
        return {"tests": [*pytest, "tests"]}
    parts = {"asyncio": "tests/cluster/aio", "local cluster": "tests/cluster/local", "unit": "tests/unit"}
    others = [f"--ignore={folder}" for folder in parts.values()]
    return {"tests": [*pytest, "tests", *others], **{name: [*pytest, folder] for name, folder in parts.items()}}


def run_in_lane(name: str, command: Command) -> bool:
    """Run a check beside others, each line of its output after its name; tell whether it has passed."""
    say(name)
    words = [str(word) for word in command]
    piped: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    process = subprocess.Popen(words, cwd=ROOT, env={**environment(), "PYTHONFAULTHANDLER": "1"}, **piped)
    reader = Thread(target=show_lines, args=(name, process.stdout), daemon=True)
    reader.start()
    outcome = "passed" if ended(process) == 0 else "failed"
    reader.join(2)  # a server that a test has left behind keeps the pipe open
    say(f"{name}: {outcome}")
    return outcome == "passed"


def show_lines(name: str, output: Iterable[str]) -> None:
    for line in output:
        print(f"{name:>13} | {line}", end="", flush=True)


def ended(process: subprocess.Popen[str]) -> int:
    """Wait for a check, also for one that hangs: it shows where, in all threads, and fails."""
    try:
        return process.wait(LONGEST_CHECK)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # has Python print the stack of each thread, then end
        return process.wait()


def with_oldest(driver: OldestDriver) -> dict[str, Command]:
    """Return the check that a failover works with the oldest drivers, where those can be installed."""
    if sys.version_info >= driver.first_python_without_it:
        say(f"leaving out the tests with {' and '.join(driver.requirements)}: never built for this Python")
        return {}
    folder = VENV / f"oldest-{driver.name}"
    install(folder, [*driver.requirements, *(tool for tool in group("dev") if "pytest" in tool)])
    return {f"oldest {driver.name}": [python(folder), "-m", "pytest", "-p", "no:cacheprovider", *driver.tests]}


def run(command: Sequence[str | Path], **variables: str) -> int:
    variables = {**environment(), **variables}
    return subprocess.run([str(word) for word in command], cwd=ROOT, check=False, env=variables).returncode


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
