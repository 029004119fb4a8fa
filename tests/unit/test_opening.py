from __future__ import annotations

import asyncio
import functools
from typing import Any

import mysql.connector
import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.errors import AwsWrapperError


def mine(**arguments: Any) -> Any:
    return psycopg.connect(**arguments)


def adapter_code(target: Any, conninfo: str | None, **arguments: Any) -> str:
    return run(session_for(target, conninfo, arguments, BlockingIo())).adapter.code


def test_the_connect_function_tells_the_driver() -> None:
    assert adapter_code(psycopg.connect, "host=db") == "psycopg"
    assert adapter_code(psycopg.Connection.connect, None, host="db") == "psycopg"
    assert adapter_code(psycopg.connect, "host=db wrapper_driver_dialect=''") == "psycopg"


@pytest.mark.parametrize(
    ("conninfo", "arguments"),
    [
        ("host=db wrapper_driver_dialect=psycopg", {}),
        ("postgresql://db/?wrapper_driver_dialect=psycopg", {}),
        ("host=db", {"wrapper_driver_dialect": "psycopg"}),
        ("host=db wrapper_driver_dialect=other", {"wrapper_driver_dialect": "psycopg"}),
        ("host=db wrapper_driver_dialect=psycopg", {"wrapper_driver_dialect": None}),
    ],
)
def test_the_driver_can_be_named_in_the_string_and_by_the_keyword(conninfo: str, arguments: dict[str, Any]) -> None:
    assert adapter_code(mine, conninfo, **arguments) == "psycopg"


@pytest.mark.parametrize(
    ("conninfo", "arguments", "message"),
    [
        ("host=db wrapper_driver_dialect=psycopgg", {}, "No driver dialect is called 'psycopgg', did you mean"),
        ("host=db wrapper_driver_dialect=psycopg", {"wrapper_driver_dialect": "x"}, "No driver dialect is called 'x'"),
        ("host=db", {"wrapper_driver_dialect": object}, "Parameter wrapper_driver_dialect: .* give text"),
        (5432, {}, "conninfo has to be text, .* not of type int"),
    ],
)
def test_what_names_no_driver_is_refused(conninfo: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        AwsWrapperConnection.connect(psycopg.connect, conninfo, **arguments)


@pytest.mark.parametrize("prefix", ["", "monitoring-", "topology-monitoring-"])
@pytest.mark.parametrize("conninfo", ["host=db {}use_pure=perhaps", "mysql://db/app?{}ssl_verify_cert=perhaps"])
def test_text_that_the_driver_could_not_take_is_refused_before_anything_is_connected(
    conninfo: str, prefix: str
) -> None:
    with pytest.raises(AwsWrapperError, match=f"^Parameter {prefix}.*: 'perhaps' is not accepted, give true or false"):
        adapter_code(mysql.connector.connect, conninfo.format(prefix))


@pytest.mark.parametrize(
    ("connect", "conninfo", "told"),
    [
        (psycopg.connect, "mysql://u:s3cr3t@db/app", "for mysql, and psycopg is a driver for postgresql"),
        ("mysql://u:s3cr3t@db/app", "", "for mysql, and psycopg is a driver for postgresql"),
        (mysql.connector.connect, "postgres://u:s3cr3t@db", "for postgresql, and mysql-connector-python is a"),
    ],
)
def test_a_url_of_another_database_than_the_drivers_is_refused(connect: Any, conninfo: str, told: str) -> None:
    with pytest.raises(AwsWrapperError, match=f"^Connection string: a URL that begins so is {told}") as refused:
        AwsWrapperConnection.connect(connect, conninfo)
    assert "s3cr3t" not in str(refused.value)


async def an_async_one(**_: Any) -> None: ...


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (psycopg.AsyncConnection.connect, "AsyncConnection.connect"),
        (functools.partial(psycopg.AsyncConnection.connect, password="s3cr3t"), "AsyncConnection.connect"),
        (an_async_one, "an_async_one"),
    ],
)
@pytest.mark.parametrize("arguments", [{}, {"wrapper_driver_dialect": "psycopg"}])
def test_the_asyncio_connect_function_is_refused_and_never_called(
    target: Any, name: str, arguments: dict[str, Any]
) -> None:
    message = f"^{name} is an asyncio connect function; give the blocking one, which is psycopg.Connection.connect, or"
    with pytest.raises(AwsWrapperError, match=message):
        AwsWrapperConnection.connect(target, "host=127.0.0.1 port=1", **arguments)


@pytest.mark.parametrize("target", [psycopg.connect, functools.partial(psycopg.connect, password="s3cr3t")])
@pytest.mark.parametrize("arguments", [{}, {"wrapper_driver_dialect": "psycopg"}])
def test_the_blocking_connect_function_is_refused_by_the_asyncio_flavour(
    target: Any, arguments: dict[str, Any]
) -> None:
    message = "^Connection.connect is a blocking connect function; give the asyncio one, which is psycopg.AsyncConn"
    with pytest.raises(AwsWrapperError, match=message):
        asyncio.run(AsyncAwsWrapperConnection.connect(target, "host=127.0.0.1 port=1", **arguments))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (None, "it was given None"),
        ("host=db password=s3cr3t", "it was given something of type str"),
        (functools.partial(mine, password="s3cr3t"), "the driver of mine is not known"),
        (functools.partial(psycopg.connect, password="s3cr3t"), "Connection.connect has arguments bound to it"),
        (dict, "the driver of dict is not known"),
        (psycopg.Connection, r"such as psycopg.Connection.connect; it was given Connection$"),
    ],
)
def test_what_is_no_drivers_connect_function_is_named_without_its_value(target: Any, told: str) -> None:
    with pytest.raises(AwsWrapperError, match=told) as refused:
        AwsWrapperConnection.connect(target, "host=db")
    assert "s3cr3t" not in str(refused.value)
