"""Which plugins take part, and where further parameters come from."""

from __future__ import annotations

from typing import Any, Final

from aws_advanced_python_wrapper.converters import PLUGIN_LIST, TEXT, TRUTH, Parameter, optional

PLUGINS: Final[Parameter[tuple[Any, ...]]] = Parameter(
    "plugins",
    PLUGIN_LIST,
    ("aurora_connection_tracker", "failover", "host_monitoring"),
    "plugins",
    "The plugins that take part; an empty text or `none`: no plugin.",
)

AUTO_SORT_WRAPPER_PLUGIN_ORDER: Final[Parameter[bool]] = Parameter(
    "auto_sort_wrapper_plugin_order",
    TRUTH,
    True,
    "plugins",
    "Whether the plugins are sorted into the order in which they work together; false: yours counts.",
)

PROFILE_NAME: Final[Parameter[str | None]] = Parameter(
    "profile_name",
    optional(TEXT),
    None,
    "plugins",
    "The configuration profile to use: its parameters count where you give none, its plugins always.",
)
