"""PEP 249's names for psycopg's asyncio flavour: what `psycopg` exports, with `connect` a coroutine.

It opens a connection that survives failovers.
The exceptions here are psycopg's own, since its errors reach the program as they are; this driver's errors derive from
them too. Any other name is looked up in psycopg.
"""

from __future__ import annotations

from typing import Any

try:
    import psycopg
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{__name__} needs {missing.name}: pip install 'aws-advanced-python-driver[psycopg]'", name=missing.name
    ) from None
from psycopg import (
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
    """Open a connection through `psycopg.AsyncConnection.connect`; see `AsyncAwsWrapperConnection.connect`."""
    return await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, conninfo, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(psycopg, name)
