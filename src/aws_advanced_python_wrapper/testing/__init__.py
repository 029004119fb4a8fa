"""A database driver and clusters of hosts that exist in memory only: tests without a server.

    network = FakeNetwork()
    cluster = FakeCluster(network)
    connection = connect(network, cluster.writer_endpoint, plugins=["failover", MyPlugin])
    cluster.fail_over(to=2)

A `FakeNetwork` holds host names (its DNS) and the hosts behind them. Hosts refuse, freeze, drop connections and change
roles on command; they answer the driver's own queries as an Aurora PostgreSQL host would, and speak a small language:
`BEGIN`, `COMMIT`, `ROLLBACK`, `SET READ ONLY`, `INSERT` (refused by readers), `SLEEP` (until the host is started,
though it may be up). Anything else returns the host's id, unless `FakeNetwork.results` has other rows for it.
The driver has a blocking and an asyncio flavour made of one source, and PEP 249's exception classes of its own.
"""

from __future__ import annotations

from aws_advanced_python_wrapper.testing.adapter import FakeAdapter, FakeProbe
from aws_advanced_python_wrapper.testing.cluster import DOMAIN, FakeCluster
from aws_advanced_python_wrapper.testing.connecting import QUICK, aconnect, connect
from aws_advanced_python_wrapper.testing.connection import FakeConnection, FakePipeline, FakeTransaction
from aws_advanced_python_wrapper.testing.cursor import FakeCursor
from aws_advanced_python_wrapper.testing.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    LoginError,
    NetworkError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    ReadOnlyError,
    Warning,  # noqa: A004 - the name is PEP 249's
)
from aws_advanced_python_wrapper.testing.host import FakeHost, State
from aws_advanced_python_wrapper.testing.network import FakeNetwork

__all__ = [
    "DOMAIN",
    "QUICK",
    "DataError",
    "DatabaseError",
    "Error",
    "FakeAdapter",
    "FakeCluster",
    "FakeConnection",
    "FakeCursor",
    "FakeHost",
    "FakeNetwork",
    "FakePipeline",
    "FakeProbe",
    "FakeTransaction",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "LoginError",
    "NetworkError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "ReadOnlyError",
    "State",
    "Warning",
    "aconnect",
    "connect",
]
