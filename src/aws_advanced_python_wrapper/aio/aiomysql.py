"""PEP 249's names for aiomysql: what PyMySQL, of which it is made, exports, with `connect` a coroutine.

It opens a connection that survives failovers.
The exceptions here are PyMySQL's own, as they are aiomysql's, since its errors reach the program as they are; this
driver's errors derive from them too. Any other name is looked up in aiomysql, then in PyMySQL.
"""

from __future__ import annotations

from typing import Any

try:
    import aiomysql
    import pymysql
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{__name__} needs {missing.name}: pip install 'aws-advanced-python-driver[aiomysql]'", name=missing.name
    ) from None
from pymysql import (
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
    """Open a connection through `aiomysql.connect`; see `AsyncAwsWrapperConnection.connect`."""
    return await AsyncAwsWrapperConnection.connect(aiomysql.connect, conninfo, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(aiomysql, name) if hasattr(aiomysql, name) else getattr(pymysql, name)
