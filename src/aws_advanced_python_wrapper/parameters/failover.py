"""The plugin `failover`."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import NUMBER, TRUTH, Parameter, choice, optional
from aws_advanced_python_wrapper.parameters.host_selection import STRATEGY, Strategy

ENABLE_FAILOVER: Final[Parameter[bool]] = Parameter(
    "enable_failover", TRUTH, True, "failover", "Whether to fail over at all; false: errors pass through as they are."
)

ENABLE_CONNECT_FAILOVER: Final[Parameter[bool]] = Parameter(
    "enable_connect_failover",
    TRUTH,
    False,
    "failover",
    "Whether to fail over also when the first connection cannot be opened, if the cluster is known.",
)

FAILOVER_MODE: Final[Parameter[str | None]] = Parameter(
    "failover_mode",
    optional(choice("strict_writer", "strict_reader", "reader_or_writer")),
    None,
    "failover",
    "Which host to fail over to. Unless given, a reader endpoint means reader_or_writer, any other strict_writer.",
)

FAILOVER_TIMEOUT_SEC: Final[Parameter[float]] = Parameter(
    "failover_timeout_sec",
    NUMBER,
    300.0,
    "failover",
    "Time allowed for a whole failover.",
    unit="seconds",
    above=0,
)

FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC: Final[Parameter[float | None]] = Parameter(
    "failover_cluster_topology_refresh_rate_sec",
    optional(NUMBER),
    None,
    "failover",
    "Time between two questions to each host while a new writer is sought, in place of "
    "`cluster_topology_high_refresh_rate_ms`.",
    unit="seconds",
    above=0,
)

FAILOVER_WRITER_RECONNECT_INTERVAL_SEC: Final[Parameter[float | None]] = Parameter(
    "failover_writer_reconnect_interval_sec",
    optional(NUMBER),
    None,
    "failover",
    "Time between two attempts to reach the writer during a failover. Unless given, the pace of the search.",
    unit="seconds",
    above=0,
)

FAILOVER_READER_CONNECT_TIMEOUT_SEC: Final[Parameter[float]] = Parameter(
    "failover_reader_connect_timeout_sec",
    NUMBER,
    30.0,
    "failover",
    "Time allowed for one attempt to reach a reader during a failover.",
    unit="seconds",
    above=0,
)

FAILOVER_READER_HOST_SELECTOR_STRATEGY: Final[Parameter[Strategy]] = Parameter(
    "failover_reader_host_selector_strategy",
    STRATEGY,
    "random",
    "failover",
    "How a failover chooses among readers.",
)
