"""Connections that are lost while nobody uses them, and then are to read only, or to write."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.errors import ReadWriteSplittingError
from cluster.drivers import every_driver
from cluster.support import end_process, execute, instance_of, process_of, true_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

SPLITTING: dict[str, Any] = {"plugins": "read_write_splitting,failover", "topology_refresh_ms": 200}


def cut(cluster: LocalCluster, connection: Any) -> None:
    """End a connection at its server, as KILL and limits for idle sessions do."""
    end_process(cluster, instance_of(connection), process_of(connection))


def by_setting(connection: Any, read_only: bool) -> str:
    connection.read_only = read_only
    return instance_of(connection)


def by_block(connection: Any, read_only: bool) -> str:
    with connection.reader() if read_only else connection.writer():
        return instance_of(connection)


def tried_again(function: Callable[[Any, bool], str], connection: Any, read_only: bool) -> str:
    """Do as a program does that knows of failovers: what ended with one, once more."""
    with suppress(FailoverSuccessError):
        return function(connection, read_only)
    return function(connection, read_only)


@pytest.mark.parametrize("way", [by_setting, by_block])
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("reading", [True, False])
def test_it_serves_where_it_is_wanted(
    cluster: LocalCluster, connect: Connect, way: Callable[[Any, bool], str], reading: bool, read_only: bool
) -> None:
    connection: Any = connect(cluster, **SPLITTING)
    connection.read_only = reading
    cut(cluster, connection)
    assert (tried_again(way, connection, read_only) == true_writer(cluster)) is not read_only


def test_after_a_failover_it_writes_on_the_new_writer(cluster: LocalCluster, connect: Connect) -> None:
    connections: list[Any] = [connect(cluster, **SPLITTING) for _ in range(2)]
    for connection, reading in zip(connections, (True, False), strict=True):
        connection.read_only = reading
        instance_of(connection)
    cluster.failover(kind="crash", wait="all")
    for connection in connections:
        assert tried_again(by_setting, connection, False) == true_writer(cluster)


@pytest.mark.parametrize("reading", [True, False])
def test_a_transaction_that_was_open_is_told_of(
    cluster: LocalCluster, connect: Connect, driver: Driver, reading: bool
) -> None:
    connection: Any = connect(cluster, autocommit=False, **SPLITTING)
    connection.read_only = reading
    execute(connection, driver.engine.begin)
    cut(cluster, connection)
    with pytest.raises(TransactionResolutionUnknownError):  # noqa: PT012
        # psycopg does not know yet that the connection is lost.
        with suppress(ReadWriteSplittingError, driver.module.ProgrammingError):
            connection.read_only = not reading
        connection.commit()
    connection.read_only = not reading
    assert (instance_of(connection) == true_writer(cluster)) is reading


@pytest.mark.drivers("mysql")
def test_without_failover_another_one_must_be_opened(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="read_write_splitting")
    cut(cluster, connection)
    for read_only in (True, False):
        with pytest.raises(ReadWriteSplittingError, match="Open a new one"):
            connection.read_only = read_only
