"""What the server and the driver are."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import NUMBER, TEXT, Parameter, optional

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
