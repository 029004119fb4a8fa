"""PEP 249's names for MySQL Connector/Python's asyncio flavour: what `mysql.connector` exports, `connect` a coroutine.

It opens a connection that survives failovers.
The exceptions here are the connector's own, since its errors reach the program as they are; this driver's errors derive
from them too. Any other name is looked up in `mysql.connector.aio`, then in `mysql.connector`.
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

try:
    from mysql.connector import aio
except ImportError:
    raise ImportError(
        f"{__name__}: MySQL Connector/Python {mysql.connector.__version__} has no asyncio flavour, install 8.3.0 or "
        "newer"
    ) from None

from aws_advanced_python_wrapper.aio.wrapper import AsyncAwsWrapperConnection

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


async def connect(conninfo: str = "", **kwargs: Any) -> AsyncAwsWrapperConnection:
    """Open a connection through `mysql.connector.aio.connect`; see `AsyncAwsWrapperConnection.connect`."""
    return await AsyncAwsWrapperConnection.connect(aio.connect, conninfo, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(aio, name) if hasattr(aio, name) else getattr(mysql.connector, name)
