"""TCP keepalive for drivers that have no options for it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.parameters.network import (
    TCP_KEEPALIVE,
    TCP_KEEPALIVE_INTERVAL,
    TCP_KEEPALIVE_PROBES,
    TCP_KEEPALIVE_TIME,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.properties import Settings

_PARAMETERS: tuple[Parameter[Any], ...] = (
    TCP_KEEPALIVE,
    TCP_KEEPALIVE_TIME,
    TCP_KEEPALIVE_INTERVAL,
    TCP_KEEPALIVE_PROBES,
)

# Parameter -> name of the socket option; not every system has them all.
_OPTIONS = {
    TCP_KEEPALIVE_TIME.name: "TCP_KEEPIDLE",
    TCP_KEEPALIVE_INTERVAL.name: "TCP_KEEPINTVL",
    TCP_KEEPALIVE_PROBES.name: "TCP_KEEPCNT",
}


def keepalive_arguments(settings: Settings) -> dict[str, int]:
    """Return what the user has said about keepalive, by the parameters' names, to go along with other arguments."""
    given = {parameter.name: settings[parameter] for parameter in _PARAMETERS}
    return {name: int(value) for name, value in given.items() if value is not None}


def without_keepalive(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for the driver itself."""
    ours = {parameter.name for parameter in _PARAMETERS}
    return {name: value for name, value in arguments.items() if name not in ours}


def apply_keepalive(connected: socket.socket, arguments: Mapping[str, Any]) -> None:
    """Set the options of a TCP socket to what is among the arguments; raises OSError for a closed one."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    if TCP_KEEPALIVE.name in arguments:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, arguments[TCP_KEEPALIVE.name])
    for name, option in _OPTIONS.items():
        if name in arguments and hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), arguments[name])
