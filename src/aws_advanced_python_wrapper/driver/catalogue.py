"""Finds the adapter for the connect callable that a user hands over."""

from __future__ import annotations

import functools
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter

_HERE = "aws_advanced_python_wrapper.driver"

# Code -> the adapters of its blocking and its asyncio flavour, imported on first use: nobody needs a driver that is not
# theirs.
_ADAPTERS: dict[str, tuple[str | None, str | None]] = {
    "psycopg": (f"{_HERE}.psycopg.adapter:PsycopgAdapter", f"{_HERE}.psycopg.adapter:PsycopgAdapter"),
    "mysql-connector-python": (
        f"{_HERE}.mysql_connector.adapter:MysqlConnectorAdapter",
        f"{_HERE}.mysql_connector.aio_adapter:AsyncMysqlConnectorAdapter",
    ),
    "aiomysql": (None, f"{_HERE}.aiomysql.adapter:AiomysqlAdapter"),
}

# Package of a connect callable -> code. Of the packages that fit, the first counts.
_PACKAGES = {
    "psycopg": "psycopg",
    "mysql.connector": "mysql-connector-python",
    "aiomysql": "aiomysql",
}

# Package -> what to call, for messages: the blocking and the asyncio flavour.
_EXAMPLES = {
    "psycopg": ("psycopg.Connection.connect", "psycopg.AsyncConnection.connect"),
    "mysql.connector": ("mysql.connector.connect", "mysql.connector.aio.connect"),
    "aiomysql": ("mysql.connector.connect", "aiomysql.connect"),
}

# Packages of asyncio connect callables that need not be coroutine functions.
_ASYNCHRONOUS = ("aiomysql", "mysql.connector.aio")

# Packages whose connection classes open a connection where they are called.
_CALLED_CLASSES = ("mysql.connector",)


def adapter_for(
    target: Callable[..., Any] | str | None, code: str | None = None, *, asynchronous: bool = False
) -> DriverAdapter:
    """Return the adapter for a connect callable, or the one named by `wrapper_driver_dialect`.

    Raises:
        AwsWrapperError: `target` is missing, not callable or of the other flavour, its driver is not known, or no
            adapter has that code.
    """
    if not callable(target) or _is_no_connect_function(target):
        raise AwsWrapperError(
            f"connect needs the driver's connect function first, such as {_example(target, asynchronous)}; "
            f"it was given {_described(target)}"
        )
    _check_flavour(target, asynchronous=asynchronous)
    code = code or _code_of(target)
    if code not in _ADAPTERS:
        raise unknown("driver dialect", code, _ADAPTERS)
    place = _ADAPTERS[code][asynchronous]
    if place is None:
        raise AwsWrapperError(
            f"Parameter wrapper_driver_dialect: {code} is for asyncio, connect with "
            "aws_advanced_python_wrapper.aio.AsyncAwsWrapperConnection"
        )
    module, name = place.split(":")
    adapter: DriverAdapter = getattr(import_module(module), name)(target)
    return adapter


def _check_flavour(target: Callable[..., Any], *, asynchronous: bool) -> None:
    is_asynchronous = inspect.iscoroutinefunction(target) or _is_within(_modules(_function(target)), _ASYNCHRONOUS)
    if is_asynchronous and not asynchronous:
        raise AwsWrapperError(
            f"{_described(target)} is an asyncio connect function; give the blocking one, which is "
            f"{_example(target, asynchronous)}, or connect with "
            "aws_advanced_python_wrapper.aio.AsyncAwsWrapperConnection"
        )
    # A function of the program's own may return an awaitable without being a coroutine function, a driver's does not.
    if asynchronous and not is_asynchronous and _package_of(_function(target)):
        raise AwsWrapperError(
            f"{_described(target)} is a blocking connect function; give the asyncio one, which is "
            f"{_example(target, asynchronous)}, or connect with aws_advanced_python_wrapper.AwsWrapperConnection"
        )


def _described(target: Any) -> str:
    """Name what was given without its value, which may hold a password: a connection string, a partial's arguments."""
    if target is None:
        return "None"
    function = _function(target)
    return getattr(function, "__qualname__", None) or f"something of type {type(function).__name__}"


def _function(target: Any) -> Any:
    return target.func if isinstance(target, functools.partial) else target


def default_connect(*, asynchronous: bool = False) -> Callable[..., Any]:
    """Return psycopg's connect function, for who has only a connection string to give: a pool."""
    psycopg = import_module("psycopg")
    connection_class = psycopg.AsyncConnection if asynchronous else psycopg.Connection
    connect: Callable[..., Any] = connection_class.connect
    return connect


def _example(target: Any, asynchronous: bool) -> str:
    return _EXAMPLES[_package_of(_function(target)) or "psycopg"][asynchronous]


def _code_of(target: Callable[..., Any]) -> str:
    package = _package_of(target)
    if package is None and _package_of(_function(target)):
        raise AwsWrapperError(
            f"{_described(target)} has arguments bound to it: give the function itself, and the arguments to connect, "
            "as the connections that watch the cluster need them too"
        )
    if package is None:
        raise AwsWrapperError(
            f"the driver of {_described(target)} is not known; supported: {', '.join(sorted(_PACKAGES))}. "
            "For a connect function of your own, name the driver with wrapper_driver_dialect"
        )
    return _PACKAGES[package]


def _is_no_connect_function(target: Any) -> bool:
    """Tell a class of connections that cannot be called to connect."""
    return (
        isinstance(target, type)
        and _package_of(target) is not None
        and not _is_within(_modules(target), _CALLED_CLASSES)
    )


def _package_of(target: Callable[..., Any]) -> str | None:
    """Return the known driver package that a connect function is of, or that its class derives from."""
    modules = _modules(target)
    return next((package for package in _PACKAGES if _is_within(modules, (package,))), None)


def _modules(target: Any) -> list[str]:
    owner = getattr(target, "__self__", target)  # the class of a class method such as psycopg.Connection.connect
    places = owner.__mro__ if isinstance(owner, type) else [target]
    return [str(getattr(place, "__module__", "")) for place in places]


def _is_within(modules: list[str], packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for module in modules for package in packages)
