"""Each block of code in the documentation does what it shows: programs run, commands exist, strings connect.

Addresses of an imaginary cluster are replaced by those of the local one; all else in them counts as it is written.
"""

from __future__ import annotations

import configparser
import json
import re
import runpy
import shlex
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import mysql.connector
import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.local.command import parser
from support.pages import PAGES, ROOT, URL, Block, at_local_cluster, blocks, runnable, the_example

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_advanced_python_wrapper.local import LocalCluster

# What a text may hold, and how it is kept true. Diagrams and tables of contents are Sphinx's.
LANGUAGES = {"python", "console", "ini", "json", "text", "toml", "mermaid", "{toctree}"}

CONNECTION_STRING = re.compile(rf"^(?:host=|{URL}).*$", re.MULTILINE)
INLINE_URL = re.compile(rf"`({URL}[^`…]+)`")


@pytest.fixture
def orders(healthy_aurora_postgresql: LocalCluster) -> LocalCluster:
    """Return the cluster, with the empty table of the examples."""
    with psycopg.connect(healthy_aurora_postgresql.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (number int PRIMARY KEY)")
        connection.execute("TRUNCATE orders")
    return healthy_aurora_postgresql


@pytest.fixture
def mysql_orders(healthy_aurora_mysql: LocalCluster) -> LocalCluster:
    """Return a cluster of MySQL servers, with the same table."""
    conninfo = healthy_aurora_mysql.conninfo()
    with closing(AwsWrapperConnection.connect(mysql.connector.connect, conninfo, autocommit=True)) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE IF NOT EXISTS orders (number int PRIMARY KEY)")
        cursor.execute("DELETE FROM orders")
    return healthy_aurora_mysql


def cluster_for(text: str, request: pytest.FixtureRequest) -> LocalCluster:
    cluster: LocalCluster = request.getfixturevalue("mysql_orders" if "mysql" in text else "orders")
    return cluster


def of_language(language: str) -> Callable[[Any], Any]:
    return pytest.mark.parametrize("block", list(blocks(language)), ids=lambda block: block.place)


def test_each_block_is_in_a_language_that_is_looked_after() -> None:
    assert [block.place for block in blocks() if block.language not in LANGUAGES] == []


def test_no_fence_is_missed() -> None:
    fences = sum(len(re.findall(r"^\s*```", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(list(blocks()))


@of_language("python")
def test_a_program_runs(block: Block, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if block.reason:
        pytest.skip(block.reason)
    program = tmp_path / "test_example.py"
    program.write_text(runnable(block.text, cluster_for(block.text, request)))
    pytest_options = ["-m", "pytest", "-p", "no:cacheprovider"] if "def test_" in block.text else []
    done = subprocess.run(
        [sys.executable, *pytest_options, str(program)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@of_language("json")
def test_a_policy_allows_one_thing_somewhere(block: Block) -> None:
    policy = json.loads(block.text)
    assert policy["Version"] == "2012-10-17"
    for statement in policy["Statement"]:
        assert (statement["Effect"], "*" in statement["Resource"]) == ("Allow", False)
        assert re.fullmatch(r"[a-z-]+:[A-Za-z]+", statement["Action"])


@pytest.mark.parametrize("autocommit", [True, False])
def test_the_retry_does_the_work_once(orders: LocalCluster, autocommit: bool) -> None:
    names: dict[str, Any] = {}
    exec(the_example("def run(connection, work):"), names)  # noqa: S102 - our own page

    class Order:
        failovers = 0

        def __call__(self, connection: AwsWrapperConnection) -> None:
            connection.execute("INSERT INTO orders VALUES (42)")
            if self.failovers < 2:
                self.failovers += 1
                orders.failover(wait="all")
            connection.execute("SELECT 1")

        def is_done(self, connection: AwsWrapperConnection) -> bool:
            return bool(connection.execute("SELECT FROM orders WHERE number = 42").rowcount)

    target = psycopg.Connection.connect
    with closing(AwsWrapperConnection.connect(target, orders.conninfo(), autocommit=autocommit)) as connection:
        names["run"](connection, Order())
    with orders.connect_directly(orders.writer) as direct:
        assert direct.execute("SELECT number FROM orders").fetchall() == [(42,)]


def test_sqlalchemy_reads_mysql_on_a_reader(mysql_orders: LocalCluster) -> None:
    names: dict[str, Any] = {}
    example = the_example('@event.listens_for(engine, "engine_connect")')
    exec(runnable(example, mysql_orders), names)  # noqa: S102 - our own page
    for _ in range(2):  # whichever side the pool's connection was left on
        for engine, on_a_reader in (names["engine"], 0), (names["reading_engine"], 1):
            with engine.connect() as connection:
                assert connection.exec_driver_sql("SELECT @@innodb_read_only").scalar_one() == on_a_reader
    names["engine"].dispose()


def connection_strings() -> list[tuple[str, str]]:
    found = [(block.place, text) for block in blocks("text") for text in CONNECTION_STRING.findall(block.text)]
    return found + [(page.name, text) for page in PAGES for text in INLINE_URL.findall(page.read_text())]


@pytest.mark.parametrize(("place", "written"), connection_strings())
def test_a_connection_string_connects(place: str, written: str, request: pytest.FixtureRequest) -> None:
    conninfo = at_local_cluster(written, cluster_for(written, request))
    connect: Any = mysql.connector.connect if "mysql" in written else psycopg.Connection.connect
    with closing(AwsWrapperConnection.connect(connect, conninfo)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,), place


@of_language("ini")
def test_a_configuration_file_can_be_read(block: Block) -> None:
    configparser.RawConfigParser().read_string(block.text)


COMMANDS = [
    (block.place, shlex.split(line[2:], comments=True))
    for block in blocks("console")
    for line in block.text.splitlines()
    if line.startswith("$ ") and not block.reason
]


@pytest.mark.parametrize(("place", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else None)
def test_a_command_exists(place: str, words: list[str]) -> None:
    match words:
        case ["aws-driver-local", *arguments]:
            assert callable(parser().parse_args(arguments).run)
        case ["python3", "dev.py", "psycopg-suite", *arguments]:
            asked = [sys.executable, "-m", "psycopg_suite", "--help"]
            done = subprocess.run(asked, cwd=ROOT / "tests", capture_output=True, text=True, check=True, timeout=60)
            assert [word for word in arguments if word.startswith("--") and word not in done.stdout] == []
        case ["python3", "dev.py", *arguments]:
            runpy.run_path(str(ROOT / "dev.py"))["parser"]().parse_known_args(arguments)
        case ["pip", "install", *packages]:
            assert [package for package in packages if not is_known(package)] == []
        case _:
            pytest.fail(f"{place}: no test knows this command: {shlex.join(words)}")


def is_known(package: str) -> bool:
    """Tell whether it is this project, with extras that it has, or one that the tests use."""
    project = (ROOT / "pyproject.toml").read_text()
    name, _, extras = package.removesuffix("]").partition("[")
    if name != "aws-advanced-python-driver":
        return f'"{name}' in project
    return all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))
