"""What the documentation shows is true: its examples run, its commands and parameters exist, its links lead somewhere.

An example that cannot run against the local cluster has the comment `<!-- not run: reason -->` on the line before it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.cluster.selectors import SELECTORS
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.local import LocalCluster
from aws_advanced_python_wrapper.local.command import parser
from aws_advanced_python_wrapper.local.instance import ProxyControls
from aws_advanced_python_wrapper.parameters.catalogue import PARAMETERS
from aws_advanced_python_wrapper.parameters.failover import FAILOVER_MODE
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

EXAMPLE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
ADDRESS = re.compile(r'"host=\S+\.rds\.amazonaws\.com [^"]*"')
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
PARAMETER = re.compile(r"^\| `(?P<name>[a-z_]+)` \| (?P<default>[^|]+) \|", re.MULTILINE)
TABLE = re.compile(r"^\| parameter \| default \|.*\n((?:\|.*\n)+)", re.MULTILINE)

# How the table writes a default that is not one value for everybody.
FROM_OTHER_VALUES = {"by endpoint", "from the endpoint", "by asking", "by the connect function", "by the hosts"}
ONLY_IF_GIVEN = "none"


class Example(NamedTuple):
    place: str
    code: str
    reason: str | None


def examples() -> Iterator[Example]:
    for page in PAGES:
        text = page.read_text()
        for found in EXAMPLE.finditer(text):
            line = text.count("\n", 0, found.start("code")) + 1
            yield Example(f"{page.name}:{line}", found["code"], found["reason"])


def the_example(beginning: str) -> str:
    """Return the one example that has this line in it."""
    (code,) = [example.code for example in examples() if beginning in example.code]
    return code


def section(page: str, title: str) -> str:
    return (ROOT / "docs" / page).read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture
def orders(healthy_aurora_postgresql: LocalCluster) -> LocalCluster:
    """Return the cluster, with the empty table of the examples."""
    with psycopg.connect(healthy_aurora_postgresql.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (number int PRIMARY KEY)")
        connection.execute("TRUNCATE orders")
    return healthy_aurora_postgresql


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.place)
def test_an_example_runs(example: Example, orders: LocalCluster, tmp_path: Path) -> None:
    if example.reason:
        pytest.skip(example.reason)
    code = ADDRESS.sub(lambda _: repr(orders.conninfo()), example.code)
    assert ".rds.amazonaws.com" not in ADDRESS.sub("", example.code), "an address that is not understood"
    program = tmp_path / "test_example.py"
    program.write_text(code)
    pytest_options = ["-m", "pytest", "-p", "no:cacheprovider"] if "def test_" in code else []
    done = subprocess.run(
        [sys.executable, *pytest_options, str(program)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


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

    with closing(connect(orders, autocommit=autocommit)) as connection:
        names["run"](connection, Order())
    with orders.connect_directly(orders.writer) as direct:
        assert direct.execute("SELECT number FROM orders").fetchall() == [(42,)]


def connect(cluster: LocalCluster, *, autocommit: bool = True) -> AwsWrapperConnection:
    return AwsWrapperConnection.connect(psycopg.Connection.connect, cluster.conninfo(), autocommit=autocommit)


def parameters_shown(page: str) -> list[tuple[str, str]]:
    """Return the names in a page's tables of parameters, each with the default that stands beside it."""
    tables = TABLE.findall((ROOT / "docs" / page).read_text())
    return [row for table in tables for row in PARAMETER.findall(table)]


TABLES = [page.name for page in PAGES if page.parent.name == "docs" and parameters_shown(page.name)]


def test_there_are_tables_of_parameters() -> None:
    assert {"failover.md", "host-monitoring.md"} <= set(TABLES)


@pytest.mark.parametrize("page", TABLES)
def test_the_table_of_parameters_shows_their_defaults(page: str) -> None:
    for name, shown in parameters_shown(page):
        parameter = PARAMETERS[name]
        if shown in FROM_OTHER_VALUES:
            assert parameter.default is None, name
        elif shown != ONLY_IF_GIVEN:
            assert parameter.read(shown.strip("`")) == parameter.default, name


def test_the_modes_and_strategies_exist() -> None:
    _header, *modes = re.findall(r"^\| `(\w+)` \|", section("failover.md", "Modes"), re.MULTILINE)
    assert len(modes) == 3
    for mode in modes:
        assert FAILOVER_MODE.read(mode) == mode
        assert FAILOVER_MODE.read(mode.replace("_", "-")) == mode
    (strategies,) = re.findall(r"how a reader is chosen: (.*) \|", section("failover.md", "Parameters"))
    assert re.findall(r"`(\w+)`", strategies) == list(SELECTORS)


def test_the_plugins_exist_under_all_their_names() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (`.*?) \|", page, re.MULTILINE)
    assert len(rows) > 3
    for code, others in rows:
        for name in (code, *re.findall(r"`(\w+)`", others)):
            assert [plugin.code for plugin in plugin_classes([name], sort=True)] == [code]
    assert f"you get `{','.join(PLUGINS.default)}`" in page


def test_the_commands_exist() -> None:
    lines = re.findall(r"^\$ aws-driver-local (.*)", (ROOT / "docs" / "local-cluster.md").read_text(), re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        assert callable(parser().parse_args(shlex.split(line, comments=True)).run), line


def test_the_methods_of_the_local_cluster_exist() -> None:
    paragraph = section("local-cluster.md", "From Python").partition("\nMore: ")[2]
    of_cluster, of_proxy = paragraph.partition("`proxy`: ")[::2]
    names = re.findall(r"`(\w+)`", of_cluster), re.findall(r"`(\w+)`", of_proxy.partition(". ")[0])
    assert all(names)
    assert [name for name in names[0] if not hasattr(LocalCluster, name)] == []
    assert [name for name in names[1] if not hasattr(ProxyControls, name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert os.path.lexists(page.parent / link), link
