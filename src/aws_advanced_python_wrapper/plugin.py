"""What authors of plugins import: the base classes, and what their hooks are given.

Derive from `Plugin`: its hooks are coroutines, and one source serves both flavours. Or derive from `BlockingPlugin`,
whose hooks are plain functions, for programs without asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.blocking_plugin import BlockingPlugin
from aws_advanced_python_wrapper.core.io import Io
from aws_advanced_python_wrapper.core.opened import Opened
from aws_advanced_python_wrapper.core.plugin import (
    CallNext,
    ConnectNext,
    Failure,
    Phase,
    Plugin,
    SessionView,
    method_name,
)
from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest, DatabaseCredentials, SignIn, SignInError
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.properties import Settings

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.facades import ConnectionFacade

P = TypeVar("P", bound="Plugin | BlockingPlugin")

__all__ = [
    "BlockingPlugin",
    "CallNext",
    "ConnectNext",
    "CredentialsRequest",
    "DatabaseCredentials",
    "Deadline",
    "DriverAdapter",
    "ErrorKind",
    "Failure",
    "HostInfo",
    "HostRole",
    "Io",
    "Opened",
    "Phase",
    "Plugin",
    "SessionView",
    "Settings",
    "SignIn",
    "SignInError",
    "method_name",
    "plugin_of",
]


def plugin_of(connection: ConnectionFacade, plugin_class: type[P]) -> P:
    """Return the plugin of a class that serves a connection.

    Raises:
        LookupError: the connection was opened without such a plugin.
    """
    plugin = connection._unwrap(plugin_class)  # noqa: SLF001
    if plugin is None:
        raise LookupError(f"{connection!r} has no plugin {plugin_class.__name__}: name it in plugins")
    return plugin
