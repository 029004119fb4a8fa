"""AWS Advanced Python Driver: psycopg for Amazon Aurora and RDS clusters.

    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection

    connection = AwsWrapperConnection.connect(psycopg.Connection.connect, "host=... dbname=... user=... password=...")

Importing this starts no thread and loads no database driver.
"""

from __future__ import annotations

import logging
import sys

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.health import WATCHERS
from aws_advanced_python_wrapper.core.registry import register_plugin
from aws_advanced_python_wrapper.core.releasing import release
from aws_advanced_python_wrapper.errors import (
    AwsConnectError,
    AwsWrapperError,
    FailoverError,
    FailoverFailedError,
    FailoverSuccessError,
    QueryTimeoutError,
    ReadWriteSplittingError,
    TransactionResolutionUnknownError,
    UnsupportedOperationError,
)
from aws_advanced_python_wrapper.pep249 import (
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
from aws_advanced_python_wrapper.version import __version__
from aws_advanced_python_wrapper.wrapper import AwsWrapperConnection, AwsWrapperCursor

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "AwsConnectError",
    "AwsWrapperConnection",
    "AwsWrapperCursor",
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
    "release_resources",
    "set_logger",
    "threadsafety",
]

connect = AwsWrapperConnection.connect


def release_resources() -> None:
    """Stop all background threads, forget all clusters and credentials.

    Optional: nothing keeps a program from ending without it. Connections that are open stay usable, and whatever is
    needed again starts again.
    """
    WATCHERS.clear()
    CLUSTERS.clear()
    release()


def set_logger(
    name: str = "aws_advanced_python_wrapper", level: int = logging.DEBUG, format_string: str | None = None
) -> None:
    """Print the log of this driver, or of one of its modules, to standard output.

    Does nothing more than set the level where the logger prints to a stream already.
    """
    logger = logging.getLogger(name)
    logger.setLevel(level)
    if any(isinstance(handler, logging.StreamHandler) for handler in logger.handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(format_string or "%(asctime)s %(name)s [%(levelname)s] %(message)s"))
    logger.addHandler(handler)
