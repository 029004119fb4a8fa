"""What authors of plugins import: the base classes, and what their hooks are given.

Derive from `Plugin`: its hooks are coroutines, and one source serves both flavours. Or derive from `BlockingPlugin`,
whose hooks are plain functions, for programs without asyncio.
"""

from __future__ import annotations

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.blocking_plugin import BlockingPlugin
from aws_advanced_python_wrapper.core.plugin import (
    CallNext,
    ConnectNext,
    Failure,
    Opened,
    Phase,
    Plugin,
    SessionView,
    method_name,
)
from aws_advanced_python_wrapper.driver.adapter import ErrorKind

__all__ = [
    "BlockingPlugin",
    "CallNext",
    "ConnectNext",
    "ErrorKind",
    "Failure",
    "HostInfo",
    "HostRole",
    "Opened",
    "Phase",
    "Plugin",
    "SessionView",
    "method_name",
]
