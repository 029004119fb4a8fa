"""A plugin as its author publishes it: the distribution that the documentation shows, installed, checked and used."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from support.pages import ROOT, blocks, the_example

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # the build backend may have to come over a slow network

USE = """
import asyncio
from aws_advanced_python_wrapper import AwsWrapperError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, aconnect, connect

network = FakeNetwork()
cluster = FakeCluster(network)
for code in ("statement_tags", "statementTags"):
    connect(network, cluster.writer_endpoint, plugins=f"failover,{code}").execute("SELECT 1")

async def use():
    await (await aconnect(network, cluster.writer_endpoint, plugins="statement_tags")).execute("SELECT 2")

asyncio.run(use())
print([sql for _host, sql in network.log])
try:
    connect(network, cluster.writer_endpoint, plugins="statement_tag")
except AwsWrapperError as error:
    print(error)
"""

WRONG = '''
from typing import Any

from aws_advanced_python_wrapper import register_plugin
from aws_advanced_python_wrapper.plugin import Plugin


class Plain(Plugin):
    code = "plain"

    def on_error(self, failure: Any) -> None:
        """A plain function where a coroutine belongs."""


register_plugin("number", int)
'''


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the author's: the module with the plugin, and its pyproject.toml."""
    folder = tmp_path_factory.mktemp("author")
    module, _, _program = the_example("class StatementTags(Plugin):").partition("ADDRESS =")
    (folder / "statement_tags.py").write_text(module.replace("import psycopg\n", ""))
    (project,) = [block.text for block in blocks("toml") if "statement_tags" in block.text]
    (folder / "pyproject.toml").write_text(project)
    return folder


def test_an_installed_plugin_is_found_by_its_code(author: Path, tmp_path: Path) -> None:
    wheels, environment = tmp_path / "wheels", tmp_path / "environment"
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, author)
    if "No matching distribution found for setuptools" in built.stderr or "No module named pip" in built.stderr:
        pytest.skip("no wheel can be built here")
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.glob("*.whl")
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    installed = run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
    assert installed.returncode == 0, installed.stderr
    used = run(python, "-W", "error", "-c", USE, PYTHONPATH=str(ROOT / "src"))
    assert used.returncode == 0, used.stderr
    statements, error = used.stdout.splitlines()
    assert statements == str([*["SELECT 1 /* orders */"] * 2, "SELECT 2 /* orders */"])
    assert "did you mean 'statement_tags'" in error


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what mypy, in its strictest mode, has to say of the examples of the pages, and of a wrong plugin."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "wrong.py").write_text(WRONG)
    for number, block in enumerate(blocks("python")):
        if block.place.startswith(("custom-plugins.md", "developer-plugins.md")):
            (folder / f"example_{number}.py").write_text(block.text)
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={folder / 'cache'}"]
    checked = run(sys.executable, "-m", "mypy", *options, folder, MYPYPATH=str(ROOT / "src"))
    assert len(list(folder.glob("example_*"))) >= 5
    return [line for line in checked.stdout.splitlines() if ": error:" in line]


def test_the_examples_have_the_types_that_their_authors_give_them(complaints: list[str]) -> None:
    assert [line for line in complaints if "wrong.py" not in line] == []


def test_a_mistake_in_a_plugin_is_found_by_a_type_checker(complaints: list[str]) -> None:
    of_hook, of_class = (line for line in complaints if "wrong.py" in line)
    assert 'Return type "None" of "on_error" incompatible' in of_hook
    assert 'Argument 2 to "register_plugin" has incompatible type "type[int]"' in of_class


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = [str(word) for word in command]
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        cwd="/",
        env={**inherited, "PIP_RETRIES": "1", **variables},
    )
