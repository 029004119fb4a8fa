"""What the database has acknowledged is there after failovers, once, and nothing has to be entered by hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, TransactionResolutionUnknownError
from cluster.support import (
    Background,
    administrate,
    assert_on_true_writer,
    engine_of,
    execute,
    fresh_table,
    ids_in,
    is_in_transaction,
    true_writer,
    value,
)
from support.waiting import eventually

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
    execute(connection, engine_of(connection).insert_once.format(table), number)


def two_rows_in_a_transaction(connection: Any, table: str, number: int) -> None:
    one_row(connection, table, number)
    one_row(connection, table, -number)
    connection.commit()


# For MySQL one asyncio driver will do: each test takes five failovers.
@pytest.mark.drivers("postgresql", "mysql-c", "mysql-pure", "mysql-aio")
@pytest.mark.parametrize(
    ("write", "autocommit"), [(one_row, True), (two_rows_in_a_transaction, False)], ids=["autocommit", "transactions"]
)
def test_every_acknowledged_row_is_there_once_after_five_failovers(
    cluster: LocalCluster, connect: Connect, write: Callable[[Any, str, int], None], autocommit: bool
) -> None:
    table = fresh_table(cluster, "acknowledged", "id int")
    acknowledged: list[int] = []
    interruptions = 0
    administrate(cluster, f"CREATE UNIQUE INDEX once ON {table} (id)")
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
    assert value(connection, f"SELECT COUNT(*) FROM {table}")
    assert is_in_transaction(connection) is not autocommit
    assert_on_true_writer(cluster, connection)
    expected = acknowledged if autocommit else sorted([-number for number in acknowledged] + acknowledged)
    with closing(cluster.connect_directly(true_writer(cluster))) as direct:
        assert ids_in(direct, table) == expected
