"""Which plugins take part."""

from __future__ import annotations

from typing import Any, Final

from aws_advanced_python_wrapper.converters import PLUGIN_LIST, TEXT, TRUTH, Parameter, optional

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

PROFILE_NAME: Final[Parameter[str | None]] = Parameter(
    "profile_name",
    optional(TEXT),
    None,
    "plugins",
    "Name of the configuration profile to use; its parameters count where you give none, its plugins always.",
)
