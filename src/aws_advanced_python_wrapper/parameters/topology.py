"""The hosts of a cluster."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import TEXT, WHOLE_NUMBER, Parameter, optional

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
