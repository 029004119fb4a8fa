"""The tables of the user guide, as it prints them: parameters with their defaults, and plugins with their codes."""

from __future__ import annotations

from typing import Final

PARAMETERS: Final[dict[str, str]] = {
    "wrapper_dialect": "None",
    "wrapper_driver_dialect": "None",
    "auxiliary_query_timeout_sec": "5",
    "topology_refresh_ms": "30000",
    "cluster_id": "None",
    "cluster_instance_host_pattern": "30000",
    "transfer_session_state_on_switch": "True",
    "reset_session_state_on_close": "True",
    "rollback_on_switch": "True",
}

NETWORK_TIMEOUTS: Final[dict[str, str]] = {
    "connect_timeout": "None",
    "socket_timeout": "None",
    "tcp_keepalive": "None",
    "tcp_keepalive_time": "None",
    "tcp_keepalive_interval": "None",
    "tcp_keepalive_probes": "None",
}

PLUGIN_MANAGER: Final[dict[str, str]] = {
    "plugins": "auroraConnectionTracker,failover,efm",
    "auto_sort_wrapper_plugin_order": "True",
}

PLUGINS: Final[dict[str, str]] = {
    "Failover Connection Plugin": "failover",
    "Host Monitoring Connection Plugin": "host_monitoring",
    "IAM Authentication Connection Plugin": "iam",
    "AWS Secrets Manager Connection Plugin": "aws_secrets_manager",
    "Federated Authentication Connection Plugin": "federated_auth",
    "Aurora Stale DNS Plugin": "stale_dns",
    "Aurora Connection Tracker Plugin": "aurora_connection_tracker",
    "Read Write Splitting Plugin": "read_write_splitting",
    "Fastest Response Strategy Plugin": "fastest_response_strategy",
}

MISPRINTED: Final[dict[str, str]] = {"cluster_instance_host_pattern": "None"}
"""What the table should say: a pattern for host names is no number."""

SIGN_IN: Final = frozenset({"iam", "aws_secrets_manager", "federated_auth"})
"""The plugins that need AWS, and have tests of their own."""
