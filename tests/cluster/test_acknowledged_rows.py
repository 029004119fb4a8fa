"""What the database has acknowledged is there after failovers, once, and nothing has to be entered by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, TransactionResolutionUnknownError
from cluster.support import Background, assert_on_true_writer, at_server, eventually, fresh_table, true_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.support import Connect

KINDS: list[FailoverKind] = ["crash", "graceful", "crash", "graceful", "crash"]


def fail_over_repeatedly(cluster: LocalCluster, acknowledged: list[int]) -> int:
    for kind in KINDS:
        before = len(acknowledged)
        eventually(lambda before=before: len(acknowledged) > before + 20)  # type: ignore[misc]
        cluster.failover(kind=kind, wait="all")
    return len(acknowledged)


def one_row(connection: Any, table: str, number: int) -> None:
    connection.execute(f"INSERT INTO {table} VALUES (%s) ON CONFLICT DO NOTHING", (number,))


def two_rows_in_a_transaction(connection: Any, table: str, number: int) -> None:
    one_row(connection, table, number)
    one_row(connection, table, -number)
    connection.commit()


@pytest.mark.parametrize(
    ("write", "autocommit"), [(one_row, True), (two_rows_in_a_transaction, False)], ids=["autocommit", "transactions"]
)
def test_every_acknowledged_row_is_there_once_after_five_failovers(
    cluster: LocalCluster, connect: Connect, write: Callable[[Any, str, int], None], autocommit: bool
) -> None:
    table = fresh_table(cluster, "acknowledged", "id int")
    acknowledged: list[int] = []
    interruptions = 0
    with cluster.connect_directly(cluster.writer) as direct:
        direct.execute(f"CREATE UNIQUE INDEX ON {table} (id)".encode())
    connection = connect(cluster, autocommit=autocommit)
    failovers = Background(fail_over_repeatedly, cluster, acknowledged)
    number = 1
    while failovers.is_alive() or not interruptions:
        try:
            write(connection, table, number)
        except (FailoverSuccessError, TransactionResolutionUnknownError):  # noqa: PERF203 - a program does just this
            interruptions += 1
        else:
            acknowledged.append(number)
            number += 1
    assert failovers.result() > 20 * len(KINDS)
    assert interruptions >= len(KINDS)
    assert connection.autocommit is autocommit
    assert_on_true_writer(cluster, connection)
    expected = acknowledged if autocommit else sorted([-number for number in acknowledged] + acknowledged)
    assert at_server(cluster, true_writer(cluster), f"SELECT array_agg(id ORDER BY id) FROM {table}") == expected
