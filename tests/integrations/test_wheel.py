"""The wheel, installed where nothing else is: no extra, no driver, no tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "aws_advanced_python_wrapper"
BROUGHT_BY_EXTRAS = {
    *("sqlalchemy", "psycopg", "mysql", "aiomysql", "pymysql"),
    *("cryptography", "rich", "trustme", "pytest"),
    *("botocore", "requests", "moto", "werkzeug"),
}
NEEDS_AN_EXTRA = (
    *(f"{PACKAGE}.driver.", f"{PACKAGE}.local.", f"{PACKAGE}.psycopg", f"{PACKAGE}.aio.psycopg"),
    *(f"{PACKAGE}.mysql_connector", f"{PACKAGE}.aio.mysql_connector", f"{PACKAGE}.aio.aiomysql"),
    *(f"{PACKAGE}.sql_alchemy_connection_provider", f"{PACKAGE}.sign_in."),
)

# Every module, with what kept it from being imported ("" if nothing did).
IMPORT_ALL = """
import importlib, json, pkgutil
import aws_advanced_python_wrapper as package

found = {}
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if module.name.endswith(("__main__", "sitecustomize")):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        found[module.name] = error.name
    except SystemExit as end:
        found[module.name] = end.__context__.name
    else:
        found[module.name] = ""
print(json.dumps(found))
"""
ENTRY_POINTS = """
from importlib.metadata import distribution

for entry in distribution("aws-advanced-python-driver").entry_points:
    print(entry.group, entry.name)
"""
REQUIREMENTS = """
from importlib.metadata import requires

for requirement in requires("aws-advanced-python-driver") or []:
    print(requirement)
"""
TYPED = """
from importlib.resources import files

print(files("aws_advanced_python_wrapper").joinpath("py.typed").is_file())
"""

pytestmark = pytest.mark.timeout(300)  # the build backend may have to come over a slow network


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wheels = tmp_path_factory.mktemp("wheels")
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT))
    if built.returncode != 0:
        for obstacle in ("No matching distribution found for hatchling", "No module named pip"):
            if obstacle in built.stderr:
                pytest.skip(f"no wheel can be built here: {obstacle}")
        pytest.fail(built.stderr)
    (found,) = wheels.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of an environment that holds the wheel alone."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True, symlinks=True)
    succeed(environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-index", str(wheel))
    return environment / "bin"


def test_everything_imports_that_needs_no_extra(programs: Path) -> None:
    missing = json.loads(python(programs, IMPORT_ALL))
    stopped = {module: name for module, name in missing.items() if name}
    assert set(stopped.values()) <= BROUGHT_BY_EXTRAS, stopped
    assert not [module for module in stopped if not module.startswith(NEEDS_AN_EXTRA)], stopped
    for module in ("wrapper", "errors", "failover_plugin", "local.cluster", "driver.catalogue"):
        assert missing[f"{PACKAGE}.{module}"] == "", module


def test_nothing_is_required_at_run_time(programs: Path) -> None:
    requirements = python(programs, REQUIREMENTS).splitlines()
    assert requirements
    assert [requirement for requirement in requirements if "extra ==" not in requirement] == []


def test_type_checkers_find_the_types(programs: Path) -> None:
    assert python(programs, TYPED) == "True"


def test_the_entry_points_lead_somewhere(programs: Path) -> None:
    published = python(programs, ENTRY_POINTS).splitlines()
    assert sorted(published) == ["console_scripts aws-driver-local", "pytest11 aws_driver_local"]
    assert (programs / "aws-driver-local").exists()


@pytest.mark.parametrize("command", [["aws-driver-local"], ["python", "-m", f"{PACKAGE}.local"]], ids=" ".join)
def test_the_command_names_the_extra_that_it_needs(programs: Path, command: list[str]) -> None:
    done = run(programs / command[0], *command[1:], "up")
    assert done.returncode == 1
    assert "pip install 'aws-advanced-python-driver[local]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("psycopg", "psycopg"),
        ("mysql_connector", "mysql"),
        ("aio.psycopg", "psycopg"),
        ("aio.mysql_connector", "mysql"),
        ("aio.aiomysql", "aiomysql"),
    ],
)
def test_the_module_of_a_driver_names_the_extra_that_it_needs(programs: Path, module: str, extra: str) -> None:
    done = run(programs / "python", "-I", "-c", f"import {PACKAGE}.{module}")
    assert done.returncode == 1
    assert f"pip install 'aws-advanced-python-driver[{extra}]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("psycopg", ["psycopg", "aio.psycopg"]),
        ("mysql", ["mysql_connector", "aio.mysql_connector"]),
        ("aiomysql", ["aio.aiomysql"]),
    ],
)
def test_an_extra_brings_all_that_its_modules_need(wheel: Path, tmp_path: Path, extra: str, modules: list[str]) -> None:
    venv.create(tmp_path, with_pip=True, symlinks=True)
    installed = run(tmp_path / "bin" / "python", "-m", "pip", "install", "--quiet", f"{wheel}[{extra}]")
    if "No matching distribution found" in installed.stderr:
        pytest.skip(f"what the extra {extra} names is not to be had here")
    assert installed.returncode == 0, installed.stderr
    for module in modules:
        code = f"import {PACKAGE}.{module} as module; print(module.apilevel, callable(module.connect))"
        assert python(tmp_path / "bin", code) == "2.0 True"


def test_the_local_cluster_names_the_extra_that_it_needs(programs: Path) -> None:
    code = f"from {PACKAGE}.local import LocalCluster; LocalCluster().start()"
    done = run(programs / "python", "-c", code)
    assert "a local cluster needs psycopg and trustme: pip install 'aws-advanced-python-driver[local]'" in done.stderr


def python(programs: Path, code: str) -> str:
    return succeed(programs / "python", "-I", "-W", "error", "-c", code)


def succeed(*command: str | Path) -> str:
    done = run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        cwd="/",
        env={**inherited, "PIP_RETRIES": "1"},
    )
