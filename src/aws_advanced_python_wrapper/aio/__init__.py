"""The asyncio flavour: connections of `psycopg.AsyncConnection` that survive failovers.

    import psycopg
    from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection

    connection = await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, "host=... dbname=...")

Importing this starts no thread and loads no database driver.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    AwsConnectError,
    AwsWrapperError,
    Binary,
    DatabaseError,
    DataError,
    Date,
    DateFromTicks,
    Error,
    FailoverError,
    FailoverFailedError,
    FailoverSuccessError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryTimeoutError,
    ReadWriteSplittingError,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    TransactionResolutionUnknownError,
    UnsupportedOperationError,
    Warning,  # noqa: A004 - the name is PEP 249's
    __version__,
    apilevel,
    paramstyle,
    register_plugin,
    release_resources,
    set_logger,
    threadsafety,
)
from aws_advanced_python_wrapper.aio.pooled_connection_provider import AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.aio.wrapper import AsyncAwsWrapperConnection, AsyncAwsWrapperCursor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "AsyncAwsWrapperConnection",
    "AsyncAwsWrapperCursor",
    "AsyncPooledConnectionProvider",
    "AwsConnectError",
    "AwsWrapperError",
    "Binary",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "FailoverError",
    "FailoverFailedError",
    "FailoverSuccessError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "QueryTimeoutError",
    "ReadWriteSplittingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TransactionResolutionUnknownError",
    "UnsupportedOperationError",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "paramstyle",
    "register_plugin",
    "register_shutdown_hook",
    "release_resources_async",
    "set_logger",
    "threadsafety",
]

logger = logging.getLogger(__name__)

connect = AsyncAwsWrapperConnection.connect

_hooks: list[Callable[[], Awaitable[Any]]] = []


def register_shutdown_hook(hook: Callable[[], Awaitable[Any]]) -> None:
    """Have a coroutine function without arguments awaited, once, by the next `release_resources_async`."""
    _hooks.append(hook)


async def release_resources_async() -> None:
    """Await the registered hooks in their order, then stop all background threads and forget all clusters.

    An exception of a hook is logged, and the next one runs. Optional: nothing keeps a program from ending without it.
    """
    try:
        while _hooks:
            await _shut_down(_hooks.pop(0))
    finally:
        release_resources()


async def _shut_down(hook: Callable[[], Awaitable[Any]]) -> None:
    try:
        await hook()
    except Exception:
        logger.exception("the shutdown hook %r failed", hook)
