"""The command that compares psycopg's own test suite, on a small suite in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FIXTURES = """
import os
import psycopg
import pytest

@pytest.fixture
def dsn():
    return os.environ["PSYCOPG_TEST_DSN"]

@pytest.fixture
def conn(dsn):
    with psycopg.Connection.connect(dsn) as conn:
        yield conn
"""
SAME = """
import psycopg

def test_fixture(conn):
    assert conn.execute("SELECT 1").fetchone() == (1,)
    assert isinstance(conn, psycopg.Connection)

def test_connect_function(dsn):
    with psycopg.connect(dsn) as conn:
        conn.execute("SELECT 1")

def test_that_fails_everywhere(conn):
    conn.execute("SELECT * FROM nosuchtable")
"""
ASYNCIO = """
import asyncio
import psycopg

class Mine(psycopg.AsyncConnection):
    pass

def test_subclass(dsn):
    async def work():
        async with await Mine.connect(dsn) as conn:
            assert isinstance(conn, Mine)
            await conn.execute("SELECT 1")

    asyncio.run(work())
"""
DIFFERENT = """
import psycopg

def test_exact_class(conn):
    assert type(conn) is psycopg.Connection
"""


def compared(folder: Path, files: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    files = {"fix_db.py": "", "conftest.py": FIXTURES, **files}
    for name, text in files.items():
        (folder / "tests").mkdir(exist_ok=True)
        (folder / "tests" / name).write_text(text)
    (folder / "psycopg").mkdir()
    (folder / "psycopg" / "pyproject.toml").write_text('version = "3.3.0"\n')
    return subprocess.run(
        [sys.executable, "-m", "psycopg_suite", "--sources", folder, "--python", sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_a_suite_that_ends_the_same_on_all_sides_is_a_success(tmp_path: Path) -> None:
    done = compared(tmp_path, {"test_same.py": SAME, "test_same_async.py": ASYNCIO})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("4 tests, 0 of them differ") == 2


def test_a_test_that_differs_is_named_and_a_failure(tmp_path: Path) -> None:
    done = compared(tmp_path, {"test_same.py": SAME, "test_different.py": DIFFERENT, "test_same_async.py": ASYNCIO})
    assert done.returncode == 1
    assert done.stdout.count("5 tests, 1 of them differ") == 2
    told = "tests/test_different.py::test_exact_class\n    psycopg: passed in call; here: failed in call; NOT KNOWN"
    assert done.stdout.count(told) == 2


@pytest.mark.parametrize(("flavour", "tests"), [("blocking", 3), ("asyncio", 1)])
def test_one_flavour_can_be_chosen(tmp_path: Path, flavour: str, tests: int) -> None:
    done = compared(tmp_path, {"test_same.py": SAME, "test_same_async.py": ASYNCIO}, "--flavour", flavour)
    assert f"{tests} tests, 0 of them differ" in done.stdout, done.stdout + done.stderr


def test_a_folder_without_psycopgs_tests_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "psycopg_suite", "--sources", tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 1
    assert f"{tmp_path} is no source tree of psycopg" in done.stderr
