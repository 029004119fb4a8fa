"""What one flavour offers the other does too: same names, same arguments, and coroutines where psycopg has them."""

from __future__ import annotations

import inspect
from typing import Any

import psycopg
import pytest

import aws_advanced_python_wrapper as root
from aws_advanced_python_wrapper import AwsWrapperConnection, AwsWrapperCursor, aio
from aws_advanced_python_wrapper import psycopg as blocking_module
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncAwsWrapperCursor
from aws_advanced_python_wrapper.aio import psycopg as asyncio_module

CLASSES = [
    pytest.param(AwsWrapperConnection, AsyncAwsWrapperConnection, psycopg.AsyncConnection, id="connection"),
    pytest.param(AwsWrapperCursor, AsyncAwsWrapperCursor, psycopg.AsyncCursor, id="cursor"),
]

# Only a coroutine can set what the blocking flavour has as attributes; these are the readers that go with them.
READERS = {"get_autocommit", "get_read_only"}

TWINS = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}

TWIN_EXPORTS = {
    "AwsWrapperConnection": "AsyncAwsWrapperConnection",
    "AwsWrapperCursor": "AsyncAwsWrapperCursor",
    "release_resources": "release_resources_async",
}

# Only what waits for a loop needs to be told when that loop is about to end. The pools of the blocking flavour need a
# module of their own, since they need SQLAlchemy.
ONLY_ASYNCIO = {"register_shutdown_hook", "AsyncPooledConnectionProvider"}

# psycopg has them not; the other drivers of this family, or PEP 249, do.
NOT_PSYCOPGS = {"reader", "writer", "invalidate", "release_resources", "callproc", *READERS}


def members(ours: type) -> set[str]:
    """Return the names that a class itself offers."""
    special = {name for pair in TWINS.items() for name in pair}
    return {name for name in vars(ours) if not name.startswith("_") or name in special}


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(("blocking", "asynchronous", "_"), CLASSES)
def test_both_flavours_have_the_same_members(blocking: type, asynchronous: type, _: type) -> None:
    assert {TWINS.get(name, name) for name in members(blocking)} == members(asynchronous) - READERS


@pytest.mark.parametrize(("blocking", "asynchronous", "_"), CLASSES)
def test_both_flavours_take_the_same_arguments(blocking: type, asynchronous: type, _: type) -> None:
    for name in members(blocking):
        ours, twin = getattr(blocking, name), getattr(asynchronous, TWINS.get(name, name))
        assert callable(ours) == callable(twin), name
        if inspect.isroutine(ours):
            assert parameters(ours) == parameters(twin), name


@pytest.mark.parametrize(("_", "asynchronous", "drivers"), CLASSES)
def test_what_is_a_coroutine_in_psycopg_is_one_here(_: type, asynchronous: type, drivers: type) -> None:
    for name in members(asynchronous) - NOT_PSYCOPGS:
        if inspect.isfunction(ours := getattr(asynchronous, name)) and hasattr(drivers, name):
            assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(getattr(drivers, name)), name


def test_everything_that_psycopg_awaits_is_watched_or_local() -> None:
    connection = {name for name, value in vars(psycopg.AsyncConnection).items() if inspect.iscoroutinefunction(value)}
    public = {name for name in connection if not name.startswith("_")}
    adapter = aio_adapter()
    assert public - members(AsyncAwsWrapperConnection) - adapter.connection_calls <= {"cancel_safe"}


def aio_adapter() -> Any:
    from aws_advanced_python_wrapper.driver.catalogue import adapter_for

    return adapter_for(psycopg.AsyncConnection.connect, asynchronous=True)


def test_the_modules_export_the_same() -> None:
    assert sorted(blocking_module.__all__) == sorted(asyncio_module.__all__)
    assert {TWIN_EXPORTS.get(name, name) for name in root.__all__} == set(aio.__all__) - ONLY_ASYNCIO
    for module in (root, aio, blocking_module, asyncio_module):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_modules_connect_with_the_same_arguments() -> None:
    assert parameters(blocking_module.connect) == parameters(asyncio_module.connect)
    assert parameters(root.connect) == parameters(aio.connect)
    assert inspect.iscoroutinefunction(asyncio_module.connect)


def test_what_is_not_exported_is_psycopgs() -> None:
    assert asyncio_module.AsyncConnection is psycopg.AsyncConnection
    assert asyncio_module.OperationalError is psycopg.OperationalError
    with pytest.raises(AttributeError, match="nonsense"):
        asyncio_module.nonsense  # noqa: B018
