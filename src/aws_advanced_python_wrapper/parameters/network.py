"""Time limits and keepalive."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import NUMBER, TRUTH, WHOLE_NUMBER, Parameter, optional

# The kernel's bounds: past them libpq finds the option invalid once it has connected, for every host.
_LONGEST_KEEPALIVE_SECONDS: Final = 32767
_MOST_KEEPALIVE_PROBES: Final = 127

CONNECT_TIMEOUT: Final[Parameter[int | None]] = Parameter(
    "connect_timeout",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Time allowed for opening a connection; libpq takes at least 2, and 0 for no limit.",
    unit="seconds",
    minimum=0,
)

SOCKET_TIMEOUT: Final[Parameter[float | None]] = Parameter(
    "socket_timeout",
    optional(NUMBER),
    None,
    "network",
    "Time that a call may wait for the server; past it the connection is given up.",
    unit="seconds",
    above=0,
)

TCP_KEEPALIVE: Final[Parameter[bool | None]] = Parameter(
    "tcp_keepalive",
    optional(TRUTH),
    None,
    "network",
    "Whether TCP keepalive is used. Unless given, the database driver decides.",
)

TCP_KEEPALIVE_TIME: Final[Parameter[int | None]] = Parameter(
    "tcp_keepalive_time",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Silence before the first keepalive probe.",
    unit="seconds",
    minimum=1,
    maximum=_LONGEST_KEEPALIVE_SECONDS,
)

TCP_KEEPALIVE_INTERVAL: Final[Parameter[int | None]] = Parameter(
    "tcp_keepalive_interval",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Time between two keepalive probes.",
    unit="seconds",
    minimum=1,
    maximum=_LONGEST_KEEPALIVE_SECONDS,
)

TCP_KEEPALIVE_PROBES: Final[Parameter[int | None]] = Parameter(
    "tcp_keepalive_probes",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Unanswered keepalive probes after which the connection counts as lost.",
    minimum=1,
    maximum=_MOST_KEEPALIVE_PROBES,
)
