"""Which driver a connect function is of, and of which flavour."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aiomysql
import mysql.connector
import psycopg
import pytest

from aws_advanced_python_wrapper.driver.catalogue import adapter_for
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from types import ModuleType

BLOCKING: dict[str, list[Any]] = {
    "psycopg": [psycopg.connect, psycopg.Connection.connect],
    "mysql-connector-python": [mysql.connector.connect, mysql.connector.Connect, mysql.connector.MySQLConnection],
}
if mysql.connector.HAVE_CEXT:
    BLOCKING["mysql-connector-python"].append(mysql.connector.CMySQLConnection)


class Mine(mysql.connector.MySQLConnection):
    """A program's own class of connections."""


@pytest.fixture
def aio() -> ModuleType:
    module: ModuleType = pytest.importorskip(
        "mysql.connector.aio", reason="this version of MySQL Connector/Python has no asyncio flavour"
    )
    return module


@pytest.mark.parametrize(("code", "connect"), [(code, target) for code, all_ in BLOCKING.items() for target in all_])
def test_blocking_connect_functions_are_known(code: str, connect: Any) -> None:
    adapter = adapter_for(connect)
    assert adapter.code == code
    assert adapter.connect is connect or adapter.connect == connect
    assert adapter.blocking().code == code


def test_a_class_of_the_programs_own_is_known_by_what_it_derives_from() -> None:
    assert adapter_for(Mine).code == "mysql-connector-python"


def test_asyncio_connect_functions_are_known(aio: ModuleType) -> None:
    for code, connect in (
        ("psycopg", psycopg.AsyncConnection.connect),
        ("mysql-connector-python", aio.connect),
        ("aiomysql", aiomysql.connect),
    ):
        adapter = adapter_for(connect, asynchronous=True)
        assert adapter.code == code
        assert not inspect.iscoroutinefunction(adapter.blocking().connect)


@pytest.mark.parametrize("code", ["psycopg", "mysql-connector-python"])
def test_a_function_of_the_programs_own_has_its_driver_named(code: str) -> None:
    def mine(**_: Any) -> None: ...

    async def mine_too(**_: Any) -> None: ...

    assert adapter_for(mine, code).code == code
    assert adapter_for(mine_too, code, asynchronous=True).code == code


def test_a_function_of_the_programs_own_may_return_an_awaitable() -> None:
    def mine(**arguments: Any) -> Any:
        return aiomysql.connect(**arguments)

    assert adapter_for(mine, "aiomysql", asynchronous=True).code == "aiomysql"


BLOCKING_INSTEAD = "is a blocking connect function; give the asyncio one, which is"
ASYNCIO_INSTEAD = "is an asyncio connect function; give the blocking one, which is"


@pytest.mark.parametrize(
    ("connect", "asynchronous", "told"),
    [
        (mysql.connector.connect, True, f"^connect {BLOCKING_INSTEAD} mysql.connector.aio.connect, or"),
        (mysql.connector.MySQLConnection, True, f"^MySQLConnection {BLOCKING_INSTEAD} mysql.connector.aio.connect, or"),
        (aiomysql.connect, False, f"^connect {ASYNCIO_INSTEAD} mysql.connector.connect, or"),
        (functools.partial(aiomysql.connect, password="s3cr3t"), False, f"^connect {ASYNCIO_INSTEAD} mysql"),
        (aiomysql.Connection, True, r"such as aiomysql.connect; it was given Connection$"),
        (functools.partial(mysql.connector.connect, password="s3cr3t"), False, "^connect has arguments bound to it"),
        (print, False, "is not known; supported: aiomysql, mysql.connector, psycopg. For a connect function of your"),
    ],
)
def test_what_cannot_connect_so_is_refused(connect: Any, asynchronous: bool, told: str) -> None:
    with pytest.raises(AwsWrapperError, match=told) as refused:
        adapter_for(connect, asynchronous=asynchronous)
    assert "s3cr3t" not in str(refused.value)


def test_the_asyncio_functions_are_refused_by_the_blocking_flavour(aio: ModuleType) -> None:
    with pytest.raises(AwsWrapperError, match=f"^connect {ASYNCIO_INSTEAD} mysql.connector.connect, or"):
        adapter_for(aio.connect)


def test_the_connector_serves_without_its_c_extension() -> None:
    program = """
import sys
sys.modules["_mysql_connector"] = None
import mysql.connector
from aws_advanced_python_wrapper import mysql_connector
from aws_advanced_python_wrapper.driver.catalogue import adapter_for
assert not mysql.connector.HAVE_CEXT
assert mysql_connector.connect and adapter_for(mysql.connector.connect).code == "mysql-connector-python"
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_driver_of_asyncio_alone_is_told_as_that() -> None:
    def mine(**_: Any) -> None: ...

    with pytest.raises(AwsWrapperError, match=r"^Parameter wrapper_driver_dialect: aiomysql is for asyncio, "):
        adapter_for(mine, "aiomysql")
