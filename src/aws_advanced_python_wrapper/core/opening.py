"""From a program's arguments to a session that is ready to connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.conninfo import engine_of
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.core.session import Session
from aws_advanced_python_wrapper.core.sign_in import prepared_settings
from aws_advanced_python_wrapper.driver.catalogue import adapter_for
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.database import WRAPPER_DRIVER_DIALECT
from aws_advanced_python_wrapper.parameters.plugins import AUTO_SORT_WRAPPER_PLUGIN_ORDER, PLUGINS
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.plugin import Plugin
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter


async def session_for(
    target: Callable[..., Any] | str | None,
    conninfo: str | None,
    arguments: Mapping[str, Any],
    io: Io,
    *,
    asynchronous: bool = False,
) -> Session:
    """Read the settings, find the driver's adapter and the plugins' classes; nothing is connected yet.

    Raises:
        AwsWrapperError: something in the arguments is unknown, malformed or out of range, or what a plugin that signs
            in completes them with cannot be had.
        Exception: the driver's own error for a service that is not defined.
    """
    # Which driver it is has to be known first: it tells which names there are.
    code = Sources.of(conninfo, arguments).first(WRAPPER_DRIVER_DIALECT)
    adapter = adapter_for(target, code, asynchronous=asynchronous)
    return await session_through(adapter, conninfo, arguments, io)


async def session_through(
    adapter: DriverAdapter, conninfo: str | None, arguments: Mapping[str, Any], io: Io
) -> Session:
    """Do what `session_for` does where the adapter is known already."""
    _refuse_another_engine(conninfo, adapter)
    settings = Settings.from_arguments(conninfo, arguments, adapter.parameters, adapter.typed_parameters)
    requested, sort = settings[PLUGINS], settings[AUTO_SORT_WRAPPER_PLUGIN_ORDER]
    chain = plugin_classes(requested, sort=sort)
    sign_in = sign_in_of(chain, settings, adapter)
    if sign_in is not None:
        settings = await prepared_settings(sign_in, io, adapter, settings)
    settings = settings.completed(adapter.from_environment(settings.driver))
    return Session(settings, adapter, io, chain, sign_in)


def sign_in_of(chain: Sequence[type[Plugin]], settings: Settings, adapter: DriverAdapter) -> SignIn | None:
    """Return where the credentials come from: what the one plugin says that has something to say about it."""
    offered = (plugin.sign_in(settings, adapter) for plugin in chain)
    return next((sign_in for sign_in in offered if sign_in is not None), None)


def _refuse_another_engine(conninfo: str | None, adapter: DriverAdapter) -> None:
    engine = engine_of(conninfo)
    if engine not in (None, adapter.engine):
        raise AwsWrapperError(
            f"Connection string: a URL that begins so is for {engine}, and {adapter.code} is a driver for "
            f"{adapter.engine}. Give the connect function of a driver for {engine}, or another URL."
        )
