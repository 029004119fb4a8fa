"""The modules that stand for a driver's: its names are PEP 249's and whatever else the driver has."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

MODULES = {
    "psycopg": ("psycopg",),
    "aio.psycopg": ("psycopg",),
    "mysql_connector": ("mysql.connector",),
    "aio.mysql_connector": ("mysql.connector.aio", "mysql.connector"),
    "aio.aiomysql": ("aiomysql", "pymysql"),
}

ERRORS = (
    *("Warning", "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError"),
    *("InternalError", "ProgrammingError", "NotSupportedError"),
)

REST = (
    *("apilevel", "threadsafety", "paramstyle", "Date", "Time", "Timestamp", "DateFromTicks", "TimeFromTicks"),
    *("TimestampFromTicks", "Binary", "STRING", "BINARY", "NUMBER", "DATETIME", "ROWID"),
)


@pytest.fixture(params=MODULES)
def modules(request: pytest.FixtureRequest) -> tuple[Any, list[Any]]:
    """Return our module, and the driver's in the order in which a name is looked up."""
    drivers = [pytest.importorskip(name, exc_type=ImportError) for name in MODULES[request.param]]
    return import_module(f"aws_advanced_python_wrapper.{request.param}"), drivers


def test_a_module_exports_what_pep_249_asks_for(modules: tuple[Any, list[Any]]) -> None:
    ours, drivers = modules
    assert sorted(ours.__all__) == sorted(("connect", *ERRORS, *REST))
    for name in (*ERRORS, *REST):
        assert vars(ours)[name] is getattr(drivers[-1], name), name


def test_any_other_public_name_is_the_drivers(modules: tuple[Any, list[Any]]) -> None:
    ours, drivers = modules
    names = {name for driver in drivers for name in dir(driver) if not name.startswith("_")}
    of_ours = {
        "connect",
        "annotations",
        "Any",
        *(name for name, value in vars(ours).items() if inspect.ismodule(value)),
    }
    for name in names - of_ours:
        drivers_own = next(getattr(driver, name) for driver in drivers if hasattr(driver, name))
        assert getattr(ours, name) is drivers_own, name


def test_a_name_that_nobody_has_is_an_attribute_error(modules: tuple[Any, list[Any]]) -> None:
    ours, _ = modules
    with pytest.raises(AttributeError, match="nonsense"):
        ours.nonsense  # noqa: B018 - reading it is what fails


def test_connect_is_what_the_flavour_needs(modules: tuple[Any, list[Any]]) -> None:
    ours, _ = modules
    assert inspect.iscoroutinefunction(ours.connect) == ours.__name__.startswith("aws_advanced_python_wrapper.aio.")
