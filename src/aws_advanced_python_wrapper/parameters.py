"""Every connection parameter this driver knows beside those of the database driver, each declared once."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aws_advanced_python_wrapper.converters import (
    NUMBER,
    PLUGIN_LIST,
    TEXT,
    TRUTH,
    WEIGHTS,
    WHOLE_NUMBER,
    Parameter,
    choice,
    optional,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_WEIGHTS: Mapping[str, int] = MappingProxyType({})

PLUGINS: Final[Parameter[tuple[Any, ...]]] = Parameter(
    "plugins",
    PLUGIN_LIST,
    ("aurora_connection_tracker", "failover", "host_monitoring"),
    "plugins",
    "Codes of the plugins to use, in order; an empty text or 'none' means none. Classes may stand in a list.",
)
AUTO_SORT_WRAPPER_PLUGIN_ORDER: Final[Parameter[bool]] = Parameter(
    "auto_sort_wrapper_plugin_order",
    TRUTH,
    True,
    "plugins",
    "Sort the plugins into the order in which they work together.",
)
WRAPPER_DIALECT: Final[Parameter[str | None]] = Parameter(
    "wrapper_dialect", optional(TEXT), None, "database", "Code of the database dialect; None: ask the server."
)
WRAPPER_DRIVER_DIALECT: Final[Parameter[str | None]] = Parameter(
    "wrapper_driver_dialect",
    optional(TEXT),
    None,
    "driver",
    "Code of the driver adapter; None: tell it by the connect function.",
)
AUXILIARY_QUERY_TIMEOUT_SEC: Final[Parameter[float]] = Parameter(
    "auxiliary_query_timeout_sec",
    NUMBER,
    5.0,
    "database",
    "Time allowed for a query the driver sends on its own account.",
    unit="seconds",
    above=0,
)
TOPOLOGY_REFRESH_MS: Final[Parameter[int]] = Parameter(
    "topology_refresh_ms",
    WHOLE_NUMBER,
    30_000,
    "topology",
    "Time between two looks at the topology of a healthy cluster.",
    unit="milliseconds",
    minimum=1,
)
CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS: Final[Parameter[int]] = Parameter(
    "cluster_topology_high_refresh_rate_ms",
    WHOLE_NUMBER,
    100,
    "topology",
    "Time between two looks at the topology while a new writer is sought.",
    unit="milliseconds",
    minimum=1,
)
CLUSTER_ID: Final[Parameter[str | None]] = Parameter(
    "cluster_id",
    optional(TEXT),
    None,
    "topology",
    "Name for the cluster; connections with the same name share its topology. None: find out.",
)
CLUSTER_INSTANCE_HOST_PATTERN: Final[Parameter[str | None]] = Parameter(
    "cluster_instance_host_pattern",
    optional(TEXT),
    None,
    "topology",
    "Host name of an instance, ? for its id, with or without a port. None: derive it from host.",
)
TRANSFER_SESSION_STATE_ON_SWITCH: Final[Parameter[bool]] = Parameter(
    "transfer_session_state_on_switch",
    TRUTH,
    True,
    "session",
    "Carry the session's settings over to the new connection.",
)
ROLLBACK_ON_SWITCH: Final[Parameter[bool]] = Parameter(
    "rollback_on_switch", TRUTH, True, "session", "Roll back an open transaction before leaving a connection."
)
RESET_SESSION_STATE_ON_CLOSE: Final[Parameter[bool]] = Parameter(
    "reset_session_state_on_close",
    TRUTH,
    True,
    "session",
    "Set the session's settings back before the connection is closed.",
)
CONNECT_TIMEOUT: Final[Parameter[int | None]] = Parameter(
    "connect_timeout",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Time allowed for opening a connection; handed to the database driver too.",
    unit="seconds",
    minimum=0,
)
TCP_KEEPALIVE: Final[Parameter[bool | None]] = Parameter(
    "tcp_keepalive", optional(TRUTH), None, "network", "Use TCP keepalive; None: as the database driver does."
)
TCP_KEEPALIVE_TIME: Final[Parameter[int | None]] = Parameter(
    "tcp_keepalive_time",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Silence before the first keepalive probe.",
    unit="seconds",
    minimum=1,
)
TCP_KEEPALIVE_INTERVAL: Final[Parameter[int | None]] = Parameter(
    "tcp_keepalive_interval",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Time between two keepalive probes.",
    unit="seconds",
    minimum=1,
)
TCP_KEEPALIVE_PROBES: Final[Parameter[int | None]] = Parameter(
    "tcp_keepalive_probes",
    optional(WHOLE_NUMBER),
    None,
    "network",
    "Unanswered keepalive probes after which the connection counts as lost.",
    minimum=1,
)
ENABLE_FAILOVER: Final[Parameter[bool]] = Parameter(
    "enable_failover", TRUTH, True, "failover", "Fail over at all; false: errors pass through as they are."
)
ENABLE_CONNECT_FAILOVER: Final[Parameter[bool]] = Parameter(
    "enable_connect_failover",
    TRUTH,
    False,
    "failover",
    "Fail over also when the first connection cannot be opened.",
)
FAILOVER_MODE: Final[Parameter[str | None]] = Parameter(
    "failover_mode",
    optional(choice("strict_writer", "strict_reader", "reader_or_writer")),
    None,
    "failover",
    "Which host to fail over to; None: as the endpoint in host suggests.",
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
    "Older name for the pace of a search; None: cluster_topology_high_refresh_rate_ms says it.",
    unit="seconds",
    above=0,
)
FAILOVER_WRITER_RECONNECT_INTERVAL_SEC: Final[Parameter[float | None]] = Parameter(
    "failover_writer_reconnect_interval_sec",
    optional(NUMBER),
    None,
    "failover",
    "Time between two attempts to reach the writer during a failover; None: the pace of the search.",
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
FAILOVER_READER_HOST_SELECTOR_STRATEGY: Final[Parameter[str]] = Parameter(
    "failover_reader_host_selector_strategy",
    TEXT,
    "random",
    "failover",
    "How a failover chooses among readers.",
)
READER_HOST_SELECTOR_STRATEGY: Final[Parameter[str]] = Parameter(
    "reader_host_selector_strategy", TEXT, "random", "host selection", "How a reader is chosen."
)
ROUND_ROBIN_DEFAULT_WEIGHT: Final[Parameter[int]] = Parameter(
    "round_robin_default_weight",
    WHOLE_NUMBER,
    1,
    "host selection",
    "Turns in a row of a host without a weight of its own.",
    minimum=1,
)
ROUND_ROBIN_HOST_WEIGHT_PAIRS: Final[Parameter[Mapping[str, int]]] = Parameter(
    "round_robin_host_weight_pairs",
    WEIGHTS,
    _NO_WEIGHTS,
    "host selection",
    "Turns in a row by host, as host:weight,host:weight.",
)
WEIGHTED_RANDOM_DEFAULT_WEIGHT: Final[Parameter[int]] = Parameter(
    "weighted_random_default_weight",
    WHOLE_NUMBER,
    1,
    "host selection",
    "Weight of a host without a weight of its own.",
    minimum=1,
)
WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS: Final[Parameter[Mapping[str, int]]] = Parameter(
    "weighted_random_host_weight_pairs",
    WEIGHTS,
    _NO_WEIGHTS,
    "host selection",
    "Weights by host, as host:weight,host:weight.",
)
FAILURE_DETECTION_ENABLED: Final[Parameter[bool]] = Parameter(
    "failure_detection_enabled", TRUTH, True, "host monitoring", "Watch the host while a call waits for it."
)
FAILURE_DETECTION_TIME_MS: Final[Parameter[int]] = Parameter(
    "failure_detection_time_ms",
    WHOLE_NUMBER,
    30_000,
    "host monitoring",
    "Time that a call may last before its host is checked.",
    unit="milliseconds",
    minimum=0,
)
FAILURE_DETECTION_INTERVAL_MS: Final[Parameter[int]] = Parameter(
    "failure_detection_interval_ms",
    WHOLE_NUMBER,
    5_000,
    "host monitoring",
    "Time between two checks of a host, and the time that the host has to answer one.",
    unit="milliseconds",
    minimum=1,
)
FAILURE_DETECTION_COUNT: Final[Parameter[int]] = Parameter(
    "failure_detection_count",
    WHOLE_NUMBER,
    3,
    "host monitoring",
    "Checks in a row without any answer after which a host is given up.",
    minimum=1,
)
MONITOR_DISPOSAL_TIME_MS: Final[Parameter[int]] = Parameter(
    "monitor_disposal_time_ms",
    WHOLE_NUMBER,
    60_000,
    "host monitoring",
    "Time that the thread for a host stays after the last connection to it is gone.",
    unit="milliseconds",
    minimum=0,
)

PARAMETERS: Final[Mapping[str, Parameter[Any]]] = MappingProxyType(
    {
        parameter.name: parameter
        for parameter in (
            PLUGINS,
            AUTO_SORT_WRAPPER_PLUGIN_ORDER,
            WRAPPER_DIALECT,
            WRAPPER_DRIVER_DIALECT,
            AUXILIARY_QUERY_TIMEOUT_SEC,
            TOPOLOGY_REFRESH_MS,
            CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS,
            CLUSTER_ID,
            CLUSTER_INSTANCE_HOST_PATTERN,
            TRANSFER_SESSION_STATE_ON_SWITCH,
            ROLLBACK_ON_SWITCH,
            RESET_SESSION_STATE_ON_CLOSE,
            CONNECT_TIMEOUT,
            TCP_KEEPALIVE,
            TCP_KEEPALIVE_TIME,
            TCP_KEEPALIVE_INTERVAL,
            TCP_KEEPALIVE_PROBES,
            ENABLE_FAILOVER,
            ENABLE_CONNECT_FAILOVER,
            FAILOVER_MODE,
            FAILOVER_TIMEOUT_SEC,
            FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC,
            FAILOVER_WRITER_RECONNECT_INTERVAL_SEC,
            FAILOVER_READER_CONNECT_TIMEOUT_SEC,
            FAILOVER_READER_HOST_SELECTOR_STRATEGY,
            READER_HOST_SELECTOR_STRATEGY,
            ROUND_ROBIN_DEFAULT_WEIGHT,
            ROUND_ROBIN_HOST_WEIGHT_PAIRS,
            WEIGHTED_RANDOM_DEFAULT_WEIGHT,
            WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS,
            FAILURE_DETECTION_ENABLED,
            FAILURE_DETECTION_TIME_MS,
            FAILURE_DETECTION_INTERVAL_MS,
            FAILURE_DETECTION_COUNT,
            MONITOR_DISPOSAL_TIME_MS,
        )
    }
)

# Spellings of earlier documentation and of the sister drivers.
ALIASES: Final[Mapping[str, str]] = MappingProxyType({"wrapperPlugins": "plugins", "dialect": "wrapper_dialect"})

# Parameters of the user guide that this version does not have yet.
NOT_YET: Final = frozenset({"socket_timeout"})

# A parameter with such a prefix, ours or the database driver's, is only for the connections that the monitors
# of that purpose open. No prefix is the beginning of another.
TOPOLOGY_MONITORING: Final = "topology-monitoring-"
HOST_MONITORING: Final = "monitoring-"
PURPOSES: Final = (TOPOLOGY_MONITORING, HOST_MONITORING)
