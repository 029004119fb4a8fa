"""Connections of this driver from the pool that MySQL Connector/Python keeps by itself, through a failover."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverFailedError, FailoverSuccessError
from cluster.support import at_server, execute, fresh_table, ids_in, instance_of, process_of, true_writer, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

    Lend = Callable[..., Any]

pytestmark = pytest.mark.drivers("mysql-c", "mysql-pure")


@pytest.fixture
def lend(cluster: LocalCluster, connect: Connect) -> Lend:
    """Return a function that takes a connection from a pool of this test's, of one connection unless told."""
    pool = {"pool_name": f"pool-{uuid.uuid4().hex[:8]}", "pool_size": 1, "plugins": "failover"}
    return lambda **arguments: connect(cluster, **{**pool, **arguments})


def test_one_connection_serves_programs_one_after_the_other(cluster: LocalCluster, lend: Lend) -> None:
    processes = set()
    for _ in range(3):
        with closing(lend()) as connection:
            assert instance_of(connection) == cluster.writer.name
            processes.add(process_of(connection))
    assert len(processes) == 1


def test_a_pool_that_is_empty_says_so_with_the_drivers_error(lend: Lend, driver: Driver) -> None:
    first = lend(plugins="none")
    with pytest.raises(driver.module.errors.PoolError, match="pool exhausted"):
        lend(plugins="none")
    first.close()
    assert value(lend(plugins="none"), "SELECT 1") == 1


def test_a_connection_fails_over_and_the_pool_goes_on(cluster: LocalCluster, lend: Lend) -> None:
    table = fresh_table(cluster, "pooled_rows")
    with closing(lend()) as connection:
        cluster.failover(kind="crash")
        with pytest.raises(FailoverSuccessError):
            value(connection, "SELECT 1")
        execute(connection, f"INSERT INTO {table} VALUES (1)")
        assert instance_of(connection) == true_writer(cluster)
    cluster.wait_settled()
    with closing(lend()) as again:
        assert instance_of(again) == true_writer(cluster)
        assert ids_in(again, table) == [1]


@pytest.mark.parametrize("kind", ["crash", "graceful"])
def test_a_connection_that_lay_in_the_pool_during_a_failover_is_not_lent_as_it_was(
    cluster: LocalCluster, lend: Lend, kind: Any
) -> None:
    lend().close()
    cluster.failover(kind=kind, wait="all")
    with closing(lend()) as connection:
        assert instance_of(connection) == true_writer(cluster)


def test_what_a_program_has_left_open_is_undone_before_the_next_one(cluster: LocalCluster, lend: Lend) -> None:
    table = fresh_table(cluster, "left_open")
    first = lend(autocommit=False)
    execute(first, f"INSERT INTO {table} VALUES (1)")
    process = process_of(first)
    first.close()
    with closing(lend(autocommit=False)) as second:
        assert process_of(second) == process
        assert ids_in(second, table) == []
    assert at_server(cluster, cluster.writer.name, f"SELECT COUNT(*) FROM {table}") == 0


def test_a_connection_that_found_no_host_leaves_its_place_in_the_pool(cluster: LocalCluster, lend: Lend) -> None:
    connection = lend(failover_timeout_sec=1)
    for instance in cluster.instances:
        instance.proxy.refuse()
        instance.proxy.reset()
    with pytest.raises(FailoverFailedError):
        value(connection, "SELECT 1")
    connection.close()
    for instance in cluster.instances:
        instance.proxy.accept()
    with closing(lend()) as again:
        assert instance_of(again) == true_writer(cluster)
