"""Finds the adapter for the connect callable that a user hands over."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter

_HERE = "aws_advanced_python_wrapper.driver"


@dataclass(frozen=True, slots=True)
class KnownDriver:
    """A driver with an adapter; of the two flavours the blocking one comes first.

    The adapters, "module:class", are imported on first use: nobody needs a driver that is not theirs.
    """

    code: str
    package: str
    """Where its connect functions and connection classes come from."""
    adapters: tuple[str | None, str]
    examples: tuple[str, str]
    """What to call, for messages; of the package's engine, where the driver itself has no such flavour."""
    asynchronous: str | None = None
    """The package of asyncio connect functions that need not be coroutine functions."""
    classes_connect: bool = False
    """Whether its connection classes open a connection where they are called."""


_DRIVERS = (
    KnownDriver(
        "psycopg",
        "psycopg",
        (f"{_HERE}.psycopg.adapter:PsycopgAdapter", f"{_HERE}.psycopg.adapter:PsycopgAdapter"),
        ("psycopg.Connection.connect", "psycopg.AsyncConnection.connect"),
    ),
    KnownDriver(
        "mysql-connector-python",
        "mysql.connector",
        (
            f"{_HERE}.mysql_connector.adapter:MysqlConnectorAdapter",
            f"{_HERE}.mysql_connector.aio_adapter:AsyncMysqlConnectorAdapter",
        ),
        ("mysql.connector.connect", "mysql.connector.aio.connect"),
        asynchronous="mysql.connector.aio",
        classes_connect=True,
    ),
    KnownDriver(
        "aiomysql",
        "aiomysql",
        (None, f"{_HERE}.aiomysql.adapter:AiomysqlAdapter"),
        ("mysql.connector.connect", "aiomysql.connect"),
        asynchronous="aiomysql",
    ),
)
KNOWN_DRIVERS = MappingProxyType({driver.code: driver for driver in _DRIVERS})
"""By `wrapper_driver_dialect`."""


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
    code = code or _driver_of(target).code
    if code not in KNOWN_DRIVERS:
        raise unknown("driver dialect", code, KNOWN_DRIVERS)
    place = KNOWN_DRIVERS[code].adapters[asynchronous]
    if place is None:
        raise AwsWrapperError(
            f"Parameter wrapper_driver_dialect: {code} is for asyncio, connect with "
            "aws_advanced_python_wrapper.aio.AsyncAwsWrapperConnection"
        )
    module, name = place.split(":")
    adapter: DriverAdapter = getattr(import_module(module), name)(target)
    return adapter


def _check_flavour(target: Callable[..., Any], *, asynchronous: bool) -> None:
    driver = _found(_function(target))
    is_asynchronous = inspect.iscoroutinefunction(target) or (
        driver is not None and _is_within(_modules(_function(target)), driver.asynchronous)
    )
    if is_asynchronous and not asynchronous:
        raise AwsWrapperError(
            f"{_described(target)} is an asyncio connect function; give the blocking one, which is "
            f"{_example(target, asynchronous)}, or connect with "
            "aws_advanced_python_wrapper.aio.AsyncAwsWrapperConnection"
        )
    # A function of the program's own may return an awaitable without being a coroutine function, a driver's does not.
    if asynchronous and not is_asynchronous and driver is not None:
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
    return (_found(_function(target)) or KNOWN_DRIVERS["psycopg"]).examples[asynchronous]


def _driver_of(target: Callable[..., Any]) -> KnownDriver:
    driver = _found(target)
    if driver is not None:
        return driver
    if _found(_function(target)) is not None:
        raise AwsWrapperError(
            f"{_described(target)} has arguments bound to it: give the function itself, and the arguments to connect, "
            "as the connections that watch the cluster need them too"
        )
    supported = ", ".join(sorted(driver.package for driver in _DRIVERS))
    raise AwsWrapperError(
        f"the driver of {_described(target)} is not known; supported: {supported}. "
        "For a connect function of your own, name the driver with wrapper_driver_dialect"
    )


def _is_no_connect_function(target: Any) -> bool:
    """Tell a class of connections that cannot be called to connect."""
    if not isinstance(target, type):
        return False
    driver = _found(target)
    return driver is not None and not driver.classes_connect


def _found(target: Any) -> KnownDriver | None:
    """Return the driver that a connect function is of, or that its class derives from; the first that fits."""
    modules = _modules(target)
    return next((driver for driver in _DRIVERS if _is_within(modules, driver.package)), None)


def _modules(target: Any) -> list[str]:
    owner = getattr(target, "__self__", target)  # the class of a class method such as psycopg.Connection.connect
    places = owner.__mro__ if isinstance(owner, type) else [target]
    return [str(getattr(place, "__module__", "")) for place in places]


def _is_within(modules: list[str], package: str | None) -> bool:
    return package is not None and any(name == package or name.startswith(f"{package}.") for name in modules)
