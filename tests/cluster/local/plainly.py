"""Connections to a local cluster with a driver alone, as the tests of the cluster itself need them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.local import LocalClusterError
from aws_advanced_python_wrapper.local.mysql.installation import have_server
from cluster.engines import POSTGRESQL
from cluster.support import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

each_engine = pytest.mark.drivers("psycopg", "mysql-c")
"""The mark of a test that runs with one driver of each engine."""


def servers(engine: str) -> dict[str, Any]:
    """Return the arguments of `LocalCluster` for an engine; skips the test where it has no server."""
    if engine == POSTGRESQL.name:
        return {"engine": engine}
    try:
        have_server(print)
    except LocalClusterError as error:
        pytest.skip(str(error))
    return {"engine": engine}


@contextmanager
def connected(driver: Driver, cluster: LocalCluster, host: str | None = None, **extra: Any) -> Iterator[Any]:
    """Return a connection in autocommit mode, with ten seconds to be made unless `timeout` says otherwise."""
    limit = "connect_timeout" if driver.engine is POSTGRESQL else "connection_timeout"
    extra[limit] = extra.pop("timeout", 10)
    with closing(
        driver.connect(**cluster.parameters(host, autocommit=True, **driver.arguments, **extra))
    ) as connection:
        yield connection


def rows(driver: Driver, cluster: LocalCluster, query: str, host: str | None = None, **extra: Any) -> list[Any]:
    """Run a query on a connection of its own."""
    with connected(driver, cluster, host, **extra) as connection:
        return rows_of(connection, query)


def rows_of(connection: Any, query: str) -> list[Any]:
    """Run a query, or a statement without rows."""
    cursor = execute(connection, query)
    found: list[Any] = cursor.fetchall() if cursor.description else []
    cursor.close()
    return found


def writes(driver: Driver, cluster: LocalCluster, host: str | None = None) -> bool:
    """Tell whether an instance takes writes, by its own word."""
    return not rows(driver, cluster, driver.engine.is_reader, host)[0][0]
