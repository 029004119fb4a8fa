"""What the sister drivers have and this version has not: named, so that nobody takes it for a slip of the pen."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aws_advanced_python_wrapper.converters import TRUTH

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGINS_TO_COME: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "custom_endpoint": (
            *("custom_endpoint_info_refresh_rate_ms", "custom_endpoint_idle_monitor_expiration_ms"),
            *("wait_for_custom_endpoint_info", "wait_for_custom_endpoint_info_timeout_ms"),
        ),
        "initial_connection": (
            *("reader_initial_connection_host_selector_strategy", "initial_connection_host_selector_strategy"),
            *("endpoint_substitution_role", "inactive_cluster_writer_endpoint_substitution_role"),
            *("verify_opened_connection_type", "verify_opened_connection_role"),
            *("verify_inactive_cluster_writer_endpoint_connection_type", "wait_for_initial_topology_ms"),
            *("open_connection_retry_timeout_ms", "open_connection_retry_interval_ms"),
        ),
        "srw": (
            *("srw_read_endpoint", "srw_write_endpoint", "srw_verify_new_connections"),
            *("srw_verify_initial_connection_type", "srw_connect_retry_timeout_ms", "srw_connect_retry_interval_ms"),
        ),
        "gdb_rw": (
            *("gdb_rw_home_region", "gdb_rw_restrict_writer_to_home_region", "gdb_rw_restrict_reader_to_home_region"),
            "gdb_enable_global_write_forwarding",
        ),
        "gdb_failover": (
            *("failover_home_region", "active_home_failover_mode", "inactive_home_failover_mode"),
            *("gdb_accessible_regions", "global_cluster_instance_host_patterns"),
            *("monitoring_connection_priority", "gdb_monitoring_connection_priority"),
        ),
        "limitless": (
            *(
                "limitless_transaction_router_monitor_disposal_time_ms",
                "limitless_transaction_router_monitor_interval_ms",
            ),
            *("limitless_wait_for_transaction_router_info", "limitless_max_retries_ms"),
            *("limitless_get_transaction_router_retry_interval_ms", "limitless_get_transaction_router_max_retries"),
        ),
        "bg": (
            *("bg_connect_timeout_ms", "bg_id", "bg_interval_baseline_ms", "bg_interval_increased_ms"),
            *("bg_interval_high_ms", "bg_switchover_timeout_ms", "bg_suspend_new_blue_connections"),
        ),
    }
)
"""Plugin code -> the parameters that come with it."""

_TELEMETRY = (
    *("enable_telemetry", "telemetry_submit_toplevel", "telemetry_submit_top_level", "telemetry_traces_backend"),
    *("telemetry_metrics_backend", "telemetry_failover_additional_top_trace"),
)

PARAMETERS_TO_COME: Final[Mapping[str, str]] = MappingProxyType(
    {name: f"the plugin {code}" for code, names in PLUGINS_TO_COME.items() for name in names}
    | dict.fromkeys(_TELEMETRY, "telemetry")
)
"""Parameter -> what it is for."""

PURPOSES_TO_COME: Final[Mapping[str, str]] = MappingProxyType(
    {"limitless-router-monitor-": "the plugin limitless", "blue-green-monitoring-": "the plugin bg"}
)
"""Prefix of parameters for background connections -> what opens those."""

_SWITCHES = frozenset({"enable_telemetry"})


def switches_off(name: str, value: Any) -> bool:
    """Whether a parameter is given that says no more than that something which there is not is not wanted."""
    try:
        return name in _SWITCHES and not TRUTH.read(value)
    except ValueError:
        return False
