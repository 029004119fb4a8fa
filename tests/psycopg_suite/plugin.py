"""A pytest plugin: has psycopg's suite connect through this driver, and writes down how each test ended.

Without PSYCOPG_SUITE_PARAMETERS it only writes. With it, a JSON object of parameters of this driver, every way to
connect leads through the driver: the classes' own `connect`, which pools and subclasses use too, and `psycopg.connect`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    import pytest

OUTCOMES = "PSYCOPG_SUITE_OUTCOMES"
PARAMETERS = "PSYCOPG_SUITE_PARAMETERS"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write what is worth a line: how the test itself ended, or what went wrong before or after it."""
    if report.when == "call" or report.outcome != "passed":
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        with Path(os.environ[OUTCOMES]).open("a") as file:
            file.write(json.dumps([report.nodeid, f"{outcome} in {report.when}"]) + "\n")


def pytest_configure() -> None:
    """Put this driver between the suite and psycopg."""
    if PARAMETERS in os.environ:
        _install(json.loads(os.environ[PARAMETERS]))


def _install(parameters: dict[str, Any]) -> None:
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
    from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter

    blocking: Any = vars(psycopg.Connection)["connect"].__func__
    asynchronous: Any = vars(psycopg.AsyncConnection)["connect"].__func__

    def connect(cls: Any, /, conninfo: str = "", **kwargs: Any) -> Any:
        return AwsWrapperConnection.connect(MethodType(blocking, cls), conninfo, **parameters, **kwargs)

    async def connect_async(cls: Any, /, conninfo: str = "", **kwargs: Any) -> Any:
        target = MethodType(asynchronous, cls)
        return await AsyncAwsWrapperConnection.connect(target, conninfo, **parameters, **kwargs)

    def of_monitors(adapter: PsycopgAdapter) -> PsycopgAdapter:
        return type(adapter)(MethodType(blocking, psycopg.Connection))

    replaced: dict[Any, dict[str, Any]] = {
        psycopg.Connection: {"connect": classmethod(connect)},
        psycopg.AsyncConnection: {"connect": classmethod(connect_async)},
        PsycopgAdapter: {"blocking": of_monitors},
    }
    for owner, attributes in replaced.items():
        for name, value in attributes.items():
            setattr(owner, name, value)
    psycopg.connect = psycopg.Connection.connect
