"""What the server and the driver are."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import NUMBER, TEXT, Parameter, optional

WRAPPER_DIALECT: Final[Parameter[str | None]] = Parameter(
    "wrapper_dialect",
    optional(TEXT),
    None,
    "database",
    "What the server is: `aurora-mysql`, `multi-az-mysql`, `rds-mysql`, `mysql`, `aurora-pg`, `multi-az-pg`, `rds-pg` "
    "or `pg`. Unless given, it is asked.",
)

WRAPPER_DRIVER_DIALECT: Final[Parameter[str | None]] = Parameter(
    "wrapper_driver_dialect",
    optional(TEXT),
    None,
    "driver",
    "Which driver the connect function is of: `aiomysql`, `mysql-connector-python` or `psycopg`. Needed for a "
    "function of your own only.",
)

AUXILIARY_QUERY_TIMEOUT_SEC: Final[Parameter[float]] = Parameter(
    "auxiliary_query_timeout_sec",
    NUMBER,
    5.0,
    "database",
    "Time that the server has to answer a query of this driver's own; the connection is ended past it.",
    unit="seconds",
    above=0,
)
