"""A cluster that restarts as a whole, or is slow to tell what has become of it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, TransactionResolutionUnknownError
from cluster.support import (
    Background,
    assert_on_true_writer,
    engine_of,
    execute,
    fresh_table,
    ids_in,
    instance_of,
    value,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.support import Connect

# For MySQL one driver of each flavour will do: each test takes several seconds.
pytestmark = pytest.mark.drivers("postgresql", "mysql-c", "mysql-aio")


def restart_all(cluster: LocalCluster) -> None:
    for restarting in [Background(cluster.reboot, instance) for instance in cluster.instances]:
        restarting.result()


def go_on(connection: AwsWrapperConnection) -> None:
    while True:
        execute(connection, engine_of(connection).sleep.format(0.02))


@pytest.mark.parametrize("endpoint", ["writer endpoint", "reader endpoint"])
def test_when_all_instances_restart_a_connection_goes_on_in_the_same_role(
    cluster: LocalCluster, connect: Connect, endpoint: str
) -> None:
    writer = cluster.writer.name
    connection = connect(cluster, cluster.reader_endpoint if endpoint == "reader endpoint" else None)
    restarting = Background(restart_all, cluster)
    with pytest.raises(FailoverSuccessError):
        go_on(connection)
    assert (instance_of(connection) == writer) is (endpoint == "writer endpoint")
    restarting.result()
    assert cluster.writer.name == writer


def test_a_transaction_in_which_all_instances_restart_is_written_once_or_not_at_all(
    cluster: LocalCluster, connect: Connect
) -> None:
    table = fresh_table(cluster, "restarted")
    connection = connect(cluster, autocommit=False)
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    restarting = Background(restart_all, cluster)
    with pytest.raises(TransactionResolutionUnknownError):
        go_on(connection)
    assert value(connection, f"SELECT COUNT(*) FROM {table}") == 0
    restarting.result()


@pytest.mark.parametrize("kind", ["crash", "graceful"])
def test_a_cluster_that_is_slow_to_tell_of_its_new_writer_is_not_believed(
    cluster: LocalCluster, connect: Connect, kind: FailoverKind
) -> None:
    table = fresh_table(cluster, "told_late")
    connection = connect(cluster)
    cluster.set_delays(topology_delay=3.0, dns_delay=4.0, restart_time=1.0, rejoin_delay=2.0)
    failing_over = Background(cluster.failover, kind=kind, wait="all")
    acknowledged: list[int] = []
    with pytest.raises(FailoverSuccessError):
        write_on(connection, table, acknowledged)
    execute(connection, f"INSERT INTO {table} VALUES (-1)")
    failing_over.result()
    assert_on_true_writer(cluster, connection)
    assert {-1, *acknowledged} <= {*ids_in(connection, table)}


def write_on(connection: AwsWrapperConnection, table: str, acknowledged: list[int]) -> None:
    for number in count():
        execute(connection, f"INSERT INTO {table} VALUES ({number})")
        acknowledged.append(number)
