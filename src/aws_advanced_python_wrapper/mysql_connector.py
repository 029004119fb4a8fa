"""PEP 249 for MySQL Connector/Python: what `mysql.connector` exports, with connections that survive failovers.

The exceptions here are the connector's own, since its errors reach the program as they are; this driver's errors derive
from them too. Any other name is looked up in `mysql.connector`.
"""

from __future__ import annotations

from typing import Any

try:
    import mysql.connector
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{__name__} needs {missing.name}: pip install 'aws-advanced-python-driver[mysql]'", name=missing.name
    ) from None
from mysql.connector import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    DatabaseError,
    DataError,
    Date,
    DateFromTicks,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    Warning,  # noqa: A004 - the name is PEP 249's
    apilevel,
    paramstyle,
    threadsafety,
)

from aws_advanced_python_wrapper.wrapper import AwsWrapperConnection

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]


def connect(conninfo: str = "", **kwargs: Any) -> AwsWrapperConnection:
    """Open a connection through `mysql.connector.connect`; see `AwsWrapperConnection.connect`."""
    return AwsWrapperConnection.connect(mysql.connector.connect, conninfo, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(mysql.connector, name)
