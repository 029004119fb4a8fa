"""The hosts of a cluster."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import TEXT, WHOLE_NUMBER, Parameter, optional

TOPOLOGY_REFRESH_MS: Final[Parameter[int]] = Parameter(
    "topology_refresh_ms",
    WHOLE_NUMBER,
    30_000,
    "topology",
    "Time between two questions to the writer of a healthy cluster about its hosts.",
    unit="milliseconds",
    minimum=1,
)

CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS: Final[Parameter[int]] = Parameter(
    "cluster_topology_high_refresh_rate_ms",
    WHOLE_NUMBER,
    100,
    "topology",
    "Time between two questions to each host while a new writer is sought.",
    unit="milliseconds",
    minimum=1,
)

CLUSTER_ID: Final[Parameter[str | None]] = Parameter(
    "cluster_id",
    optional(TEXT),
    None,
    "topology",
    "Name for the cluster where the host does not tell one; connections with the same name share what is known of it.",
)

CLUSTER_INSTANCE_HOST_PATTERN: Final[Parameter[str | None]] = Parameter(
    "cluster_instance_host_pattern",
    optional(TEXT),
    None,
    "topology",
    "Host name of an instance, with `?` for its identifier, with or without a port. Unless given, the host tells it.",
)
