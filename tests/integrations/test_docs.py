"""What the documentation tells is true: its parameters, plugins and methods exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, get_args

import pytest

from aws_advanced_python_wrapper.cluster.selectors import SELECTORS
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.local import LocalCluster
from aws_advanced_python_wrapper.local.aws.client import Aws
from aws_advanced_python_wrapper.local.idp.client import IdentityProviders
from aws_advanced_python_wrapper.local.idp.realm import State
from aws_advanced_python_wrapper.local.instance import ProxyControls
from aws_advanced_python_wrapper.parameters.catalogue import PARAMETERS
from aws_advanced_python_wrapper.parameters.failover import FAILOVER_MODE
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS
from support.pages import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
PARAMETER = re.compile(r"^\| `(?P<name>[a-z_]+)` \| (?P<default>[^|]+) \|", re.MULTILINE)
TABLE = re.compile(r"^\| parameter \| default \|.*\n((?:\|.*\n)+)", re.MULTILINE)

# How the table writes a default that is not one value for everybody.
FROM_OTHER_VALUES = {"by endpoint", "from the endpoint", "by asking", "by the connect function", "by the hosts"}
ONLY_IF_GIVEN = "none"


def section(page: str, title: str) -> str:
    return (ROOT / "docs" / page).read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


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


def test_each_logger_is_told_of() -> None:
    source = ROOT / "src" / "aws_advanced_python_wrapper"
    (table,) = re.findall(r"^\| logger \|.*\n((?:\|.*\n)+)", (ROOT / "docs" / "logging.md").read_text(), re.MULTILINE)
    told = {name for line in table.splitlines()[1:] for name in re.findall(r"`([\w.]+)`", line.split("|")[1])}
    there = {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        for path in source.rglob("*.py")
        if re.search(r"^logger = .*\n(?:.*\n)*.*\blogger\b", path.read_text(), re.MULTILINE)
    }
    assert {name for name in there if not name.startswith("local.")} == told - {"local"}


def test_the_methods_of_the_local_cluster_exist() -> None:
    paragraph = section("local-cluster.md", "From Python").partition("\nMore: ")[2]
    of_cluster, of_proxy = paragraph.partition("`proxy`: ")[::2]
    names = re.findall(r"`(\w+)`", of_cluster), re.findall(r"`(\w+)`", re.split(r"\.\s", of_proxy)[0])
    assert all(names)
    assert [name for name in names[0] if not hasattr(LocalCluster, name)] == []
    assert [name for name in names[1] if not hasattr(ProxyControls, name)] == []


def test_what_can_be_done_to_aws_exists() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("local-cluster.md", "Rehearse sign-in"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)\(", row)]
    assert len(names) == len(set(names)) == 12
    assert [name for name in names if not hasattr(Aws, name)] == []


def test_what_can_be_done_to_identity_providers_exists() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("federated-sign-in.md", "Rehearse it"), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)\(", row)}
    assert len(names) == 7
    assert [name for name in names if not hasattr(IdentityProviders, name)] == []
    (states,) = re.findall(r"set_state\(state\)` \| (.*) \|", section("federated-sign-in.md", "Rehearse it"))
    assert sorted(re.findall(r"`(\w+)`", states)) == sorted(get_args(State))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert os.path.lexists(page.parent / link), link
