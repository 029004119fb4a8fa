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

# Code -> where its adapter is, imported on first use: nobody needs a driver that they do not use.
_ADAPTERS = {"psycopg": "aws_advanced_python_wrapper.driver.psycopg:PsycopgAdapter"}

# The top-level package of a connect callable -> code.
_PACKAGES = {"psycopg": "psycopg"}


def adapter_for(
    target: Callable[..., Any] | str | None, code: str | None = None, *, asynchronous: bool = False
) -> DriverAdapter:
    """Return the adapter for a connect callable, or the one named by `wrapper_driver_dialect`.

    Raises:
        AwsWrapperError: `target` is missing, not callable or of the other flavour, its driver is not known, or no
            adapter has that code.
    """
    if not callable(target) or _is_connection_class(target):
        raise AwsWrapperError(
            f"connect needs the driver's connect function first, as in connect({_example(asynchronous)}, ...); "
            f"it was given {_described(target)}"
        )
    _check_flavour(target, asynchronous=asynchronous)
    code = code or _code_of(target)
    if code not in _ADAPTERS:
        raise unknown("driver dialect", code, _ADAPTERS)
    module, name = _ADAPTERS[code].split(":")
    adapter: DriverAdapter = getattr(import_module(module), name)(target)
    return adapter


def _check_flavour(target: Callable[..., Any], *, asynchronous: bool) -> None:
    is_coroutine_function = inspect.iscoroutinefunction(target)
    if is_coroutine_function and not asynchronous:
        raise AwsWrapperError(
            f"{_described(target)} is an asyncio connect function; give the blocking one, which is "
            f"{_example(asynchronous)}, or connect with aws_advanced_python_wrapper.aio.AsyncAwsWrapperConnection"
        )
    # A function of the program's own may return an awaitable without being a coroutine function, a driver's does not.
    if asynchronous and not is_coroutine_function and _package_of(_function(target)):
        raise AwsWrapperError(
            f"{_described(target)} is a blocking connect function; give the asyncio one, which is "
            f"{_example(asynchronous)}, or connect with aws_advanced_python_wrapper.AwsWrapperConnection"
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


def _example(asynchronous: bool) -> str:
    return "psycopg.AsyncConnection.connect" if asynchronous else "psycopg.Connection.connect"


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


def _is_connection_class(target: Any) -> bool:
    return isinstance(target, type) and _package_of(target) is not None


def _package_of(target: Callable[..., Any]) -> str | None:
    """Return the known driver package that a connect function is of, or that its class derives from."""
    owner = getattr(target, "__self__", None)  # the class of a class method such as psycopg.Connection.connect
    classes = owner.__mro__ if isinstance(owner, type) else [target]
    packages = (str(getattr(place, "__module__", "")).partition(".")[0] for place in classes)
    return next((package for package in packages if package in _PACKAGES), None)
