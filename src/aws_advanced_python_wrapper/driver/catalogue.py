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


def adapter_for(target: Callable[..., Any] | None, code: str | None = None) -> DriverAdapter:
    """Return the adapter for a connect callable, or the one named by `wrapper_driver_dialect`.

    Raises:
        AwsWrapperError: `target` is missing, not callable or asynchronous, its driver is not known, or no adapter has
            that code.
    """
    if not callable(target):
        raise AwsWrapperError(
            "connect needs the driver's connect function first, as in connect(psycopg.Connection.connect, ...); "
            f"it was given {_described(target)}"
        )
    if inspect.iscoroutinefunction(target):
        raise AwsWrapperError(
            f"{_described(target)} is the asyncio connect function; "
            "give the blocking one, which is psycopg.Connection.connect"
        )
    code = code or _code_of(target)
    if code not in _ADAPTERS:
        raise unknown("driver dialect", code, _ADAPTERS)
    module, name = _ADAPTERS[code].split(":")
    adapter: DriverAdapter = getattr(import_module(module), name)(target)
    return adapter


def _described(target: Any) -> str:
    """Name what was given without its value, which may hold a password: a connection string, a partial's arguments."""
    if target is None:
        return "None"
    function = target.func if isinstance(target, functools.partial) else target
    return getattr(function, "__qualname__", None) or f"something of type {type(function).__name__}"


def _code_of(target: Callable[..., Any]) -> str:
    owner = getattr(target, "__self__", None)  # the class of a class method such as psycopg.Connection.connect
    classes = owner.__mro__ if isinstance(owner, type) else [target]
    for place in classes:
        package = str(getattr(place, "__module__", "")).partition(".")[0]
        if package in _PACKAGES:
            return _PACKAGES[package]
    raise AwsWrapperError(
        f"the driver of {_described(target)} is not known; supported: {', '.join(sorted(_PACKAGES))}. "
        "For a connect function of your own, name the driver with wrapper_driver_dialect"
    )
