"""What MySQL's asyncio drivers are told, and what of them is watched; without any server."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncAwsWrapperCursor
from aws_advanced_python_wrapper.driver.catalogue import adapter_for
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.properties import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter


def connector() -> Any:
    return pytest.importorskip("mysql.connector.aio", reason="this version of MySQL Connector/Python has no asyncio")


def aiomysql() -> Any:
    return pytest.importorskip("aiomysql")


DRIVERS = [pytest.param(connector, id="mysql.connector.aio"), pytest.param(aiomysql, id="aiomysql")]


def settings_of(adapter: DriverAdapter, conninfo: str, **keywords: Any) -> Settings:
    settings = Settings.from_arguments(conninfo, keywords, adapter.parameters, adapter.typed_parameters)
    return settings.completed(adapter.from_environment(settings.driver))


def arguments(module: Any, conninfo: str = "", host: str = "db-1", **keywords: Any) -> dict[str, Any]:
    adapter = adapter_for(module.connect, asynchronous=True)
    return adapter.arguments(settings_of(adapter, conninfo, **keywords), host, 3307)


def coroutines(driver_class: type) -> set[str]:
    return {name for name in dir(driver_class) if inspect.iscoroutinefunction(getattr(driver_class, name))}


def connection_class(module: Any) -> Any:
    return getattr(module, "MySQLConnection", None) or module.Connection


def cursor_class(module: Any) -> Any:
    return getattr(module, "SSCursor", None) or module.cursor.MySQLCursor


LOGIN = {"caching_sha2_password_auth", "sha256_password_auth"}  # what aiomysql's login is made of

FETCHES = {"fetchone", "fetchmany", "fetchall"}


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_coroutine_of_a_connection_is_watched_or_one_of_ours(driver: Callable[[], Any]) -> None:
    module = driver()
    adapter = adapter_for(module.connect, asynchronous=True)
    public = {name for name in coroutines(connection_class(module)) if not name.startswith("_")}
    ours = {name for name in public if hasattr(AsyncAwsWrapperConnection, name)}
    assert public - ours - adapter.connection_calls - adapter.closers - LOGIN == set()


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_coroutine_of_a_cursor_is_watched_or_one_of_ours(driver: Callable[[], Any]) -> None:
    module = driver()
    adapter = adapter_for(module.connect, asynchronous=True)
    public = {name for name in coroutines(cursor_class(module)) if not name.startswith("_")}
    ours = {name for name in public if hasattr(AsyncAwsWrapperCursor, name)}
    assert public - ours - adapter.cursor_calls - FETCHES == set()


def test_the_connector_is_told_in_its_own_words() -> None:
    told = arguments(connector(), "host=db user=me dbname=app autocommit=true connect_timeout=7 use_pure=false")
    expected = {"user": "me", "database": "app", "autocommit": True, "connection_timeout": 7}
    assert told == {"host": "db-1", "port": 3307, **expected}


def test_aiomysql_is_told_in_its_own_words() -> None:
    told = arguments(aiomysql(), "host=db user=me dbname=app autocommit=true connect_timeout=7 client_flag=2")
    expected = {"user": "me", "db": "app", "autocommit": True, "connect_timeout": 7, "client_flag": 2}
    assert told == {"host": "db-1", "port": 3307, **expected}


@pytest.mark.parametrize("driver", DRIVERS)
def test_connecting_may_take_ten_seconds_unless_something_else_is_said(driver: Callable[[], Any]) -> None:
    told = arguments(driver(), "host=db")
    assert {told.get("connection_timeout"), told.get("connect_timeout")} == {10, None}


@pytest.mark.parametrize("driver", DRIVERS)
def test_no_limit_for_connecting_is_a_limit_of_zero(driver: Callable[[], Any]) -> None:
    told = arguments(driver(), "host=db connect_timeout=0")
    assert {told.get("connection_timeout"), told.get("connect_timeout")} == {None}


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_local_socket_is_for_the_host_that_was_given_only(driver: Callable[[], Any]) -> None:
    module = driver()
    assert arguments(module, "host=db unix_socket=/s", host="db")["unix_socket"] == "/s"
    assert "unix_socket" not in arguments(module, "host=db unix_socket=/s", host="db-2")


@pytest.mark.parametrize("driver", DRIVERS)
def test_keepalive_goes_along(driver: Callable[[], Any]) -> None:
    told = arguments(driver(), "host=db tcp_keepalive=true tcp_keepalive_time=9")
    assert (told["tcp_keepalive"], told["tcp_keepalive_time"]) == (1, 9)


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_an_option_file_says_counts_where_nothing_else_was_said(driver: Callable[[], Any], tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\nhost = filed\nport = 3310\nuser = other\npassword = secret\n")
    told = arguments(driver(), user="me", read_default_file=str(file))
    assert (told["host"], told["user"], told["password"]) == ("db-1", "me", "secret")
    assert not [name for name in told if "file" in name]


def test_an_option_file_names_the_host(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[mine]\nhost = filed\nport = 3310\nno-beep\n")
    for module in (connector(), aiomysql()):
        adapter = adapter_for(module.connect, asynchronous=True)
        group = "read_default_group" if module.__name__ == "aiomysql" else "option_groups"
        settings = settings_of(adapter, "", **{"read_default_file": str(file), group: "mine"})
        assert (settings.host, settings.port) == ("filed", 3310)


@pytest.mark.parametrize("name", ["failover", "dns_srv"])
def test_the_connectors_own_choice_among_hosts_is_refused(name: str) -> None:
    with pytest.raises(AwsWrapperError, match=f"Parameter {name}"):
        arguments(connector(), f"host=db {name}=true")


@pytest.mark.parametrize("driver", DRIVERS)
def test_background_connections_have_nothing_of_the_programs_own_session(driver: Callable[[], Any]) -> None:
    module = driver()
    adapter = adapter_for(module.connect, asynchronous=True)
    own = {"autocommit": False, "sql_mode": "ANSI", "init_command": "SET @a = 1"}
    settings = settings_of(adapter, "host=db user=me dbname=app", **own)
    blocking = adapter.blocking()
    settings = settings.for_monitoring(
        "topology-monitoring-", without=blocking.session_parameters, **blocking.neutral_parameters
    )
    told = blocking.arguments(settings, "db-1", 3307)
    assert (told["host"], told["port"], told["user"], told["database"]) == ("db-1", 3307, "me", "app")
    assert told["autocommit"] is True
    assert not told.keys() & {"sql_mode", "init_command", "db"}


def test_a_connection_is_refused_for_the_blocking_flavour() -> None:
    with pytest.raises(AwsWrapperError, match="aio"):
        adapter_for(aiomysql().connect)
