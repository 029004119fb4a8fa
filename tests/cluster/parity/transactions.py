"""Transaction blocks, two-phase commit, savepoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Rollback

if TYPE_CHECKING:
    from cluster.parity.sides import Side


def _fail() -> None:
    raise ZeroDivisionError("the program's own")


def _roll_back(transaction: Any = None) -> None:
    raise Rollback(transaction)


async def _table(side: Side, connection: Any) -> None:
    await side.call(connection.execute, "CREATE TEMP TABLE IF NOT EXISTS seen (n int PRIMARY KEY)")
    await side.call(connection.execute, "DELETE FROM seen")
    await side.call(connection.commit)


async def _insert(side: Side, connection: Any, number: int) -> None:
    await side.call(connection.execute, "INSERT INTO seen VALUES (%s)", [number])


async def _look(side: Side, connection: Any) -> None:
    side.note(connection.info.transaction_status)
    await side.attempt(side.rows, connection, "SELECT n FROM seen ORDER BY n")
    await side.call(connection.rollback)


async def what_a_block_gives(side: Side) -> None:
    connection = await side.connect()
    async with side.within(connection.transaction()) as transaction:
        drivers_class = psycopg.AsyncTransaction if side.asynchronous else psycopg.Transaction
        side.note(isinstance(transaction, drivers_class), transaction.connection is connection)
        side.note(transaction.status, transaction.savepoint_name, transaction.force_rollback, str(transaction))
        await side.attempt(setattr, transaction, "connection", connection)
        await side.attempt(setattr, transaction, "savepoint_name", "x")
        side.note(type(transaction).__name__, type(transaction).__module__)
    side.note(transaction.status, str(transaction), connection.info.transaction_status)
    async with side.within(connection.transaction("named", force_rollback=True)) as transaction:
        side.note(transaction.savepoint_name, transaction.force_rollback)
    side.note(transaction.status)


async def kept_before_it_is_entered(side: Side) -> None:
    connection = await side.connect()
    await _table(side, connection)
    block = connection.transaction()
    side.note(block.__class__.__name__, hasattr(block, "gen"), hasattr(block, "nonsense"))
    side.note(connection.info.transaction_status)
    async with side.within(block) as transaction:
        await _insert(side, connection, 1)
        _roll_back(transaction)
    await _look(side, connection)
    async with side.noting_errors(), side.within(block):
        pass


async def rolling_back(side: Side) -> None:
    connection = await side.connect()
    await _table(side, connection)
    async with side.noting_errors(), side.within(connection.transaction()) as outer:
        await _insert(side, connection, 1)
        async with side.within(connection.transaction()) as inner:
            await _insert(side, connection, 2)
            _roll_back(inner)
        side.note(inner.status)
        async with side.noting_errors(), side.within(connection.transaction()):
            await _insert(side, connection, 3)
            _fail()
        async with side.within(connection.transaction()):
            await _insert(side, connection, 4)
            _roll_back()
        async with side.within(connection.transaction()):
            await _insert(side, connection, 5)
    side.note(outer.status)
    await _look(side, connection)
    async with side.noting_errors(), side.within(connection.transaction()) as outer:
        async with side.within(connection.transaction()):
            await _insert(side, connection, 6)
            _roll_back(outer)
        side.note("not reached")
    side.note(outer.status)
    await _look(side, connection)


async def an_error_ends_the_block(side: Side) -> None:
    connection = await side.connect()
    await _table(side, connection)
    async with side.noting_errors(), side.within(connection.transaction()):
        await _insert(side, connection, 1)
        _fail()
    await _look(side, connection)
    async with side.noting_errors(), side.within(connection.transaction()):
        await _insert(side, connection, 1)
        await _insert(side, connection, 1)
    await _look(side, connection)
    async with side.noting_errors(), side.within(connection.transaction()):
        async with side.noting_errors(), side.within(connection.transaction()):
            await side.call(connection.execute, "meh")
        await _insert(side, connection, 2)
    await _look(side, connection)


async def around_statements_outside(side: Side) -> None:
    for autocommit in (False, True):
        connection = await side.connect(autocommit=autocommit)
        await _table(side, connection)
        await _insert(side, connection, 1)
        async with side.within(connection.transaction()) as transaction:
            side.note(transaction.savepoint_name)
            await _insert(side, connection, 2)
        side.note(connection.info.transaction_status, connection.autocommit)
        async with side.noting_errors(), side.within(connection.transaction()):
            _fail()
        await _look(side, connection)


async def what_is_forbidden_inside(side: Side) -> None:
    connection = await side.connect()
    async with side.within(connection.transaction()):
        await side.attempt(connection.commit)
        await side.attempt(connection.rollback)
        await side.attempt(side.set, connection, "autocommit", True)
        await side.attempt(connection.tpc_begin, connection.xid(1, "a", "b"))
    await side.attempt(connection.commit)
    await side.attempt(connection.transaction, nonsense=1)


async def left_in_the_wrong_order(side: Side) -> None:
    connection = await side.connect()
    outer, inner = connection.transaction(), connection.transaction()
    enter, leave = ("__aenter__", "__aexit__") if side.asynchronous else ("__enter__", "__exit__")
    await side.call(getattr(outer, enter))
    await side.call(getattr(inner, enter))
    await side.attempt(getattr(outer, leave), None, None, None)
    await side.attempt(getattr(inner, leave), None, None, None)
    side.note(connection.info.transaction_status)


async def as_a_decorator(side: Side) -> None:
    connection = await side.connect()
    await _table(side, connection)

    if side.asynchronous:

        @connection.transaction()  # type: ignore[untyped-decorator]
        async def insert(number: int) -> int:
            await _insert(side, connection, number)
            return number
    else:

        @connection.transaction()  # type: ignore[untyped-decorator]
        def insert(number: int) -> int:
            connection.execute("INSERT INTO seen VALUES (%s)", [number])
            return number

    for number in (1, 2, 1):
        await side.attempt(insert, number)
    side.note(insert.__name__)
    await _look(side, connection)


async def a_transaction_made_by_hand(side: Side) -> None:
    connection = await side.connect()
    await _table(side, connection)
    transaction_class: Any = psycopg.AsyncTransaction if side.asynchronous else psycopg.Transaction
    async with side.within(transaction_class(connection)) as transaction:
        side.note(transaction.connection is connection, transaction.status)
        await _insert(side, connection, 1)
    async with side.within(transaction_class(connection)) as transaction:
        await _insert(side, connection, 2)
        _roll_back(transaction)
    await _look(side, connection)


async def a_connection_closed_inside(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection.transaction()) as transaction:
        await side.call(connection.close)
    side.note(transaction.status, connection.closed)
    async with side.noting_errors(), side.within(connection.transaction()):
        pass


async def two_phases(side: Side) -> None:
    connection = await side.connect()
    side.note(connection.xid(1, "gtrid", "bqual"), str(connection.xid(1, "gtrid", "bqual")))
    for arguments in ((), ("nothing",)):
        await side.attempt(connection.tpc_commit, *arguments)
        await side.attempt(connection.tpc_rollback, *arguments)
    await side.attempt(connection.tpc_prepare)
    await side.attempt(connection.tpc_recover)
    for end in (connection.tpc_commit, connection.tpc_rollback):
        await side.attempt(connection.tpc_begin, connection.xid(1, "one", "phase"))
        await side.attempt(connection.commit)
        await side.attempt(connection.rollback)
        await side.attempt(side.rows, connection, "SELECT 1")
        await side.attempt(end)
        side.note(connection.info.transaction_status)
    await side.attempt(connection.tpc_begin, "a string")
    await side.attempt(connection.tpc_prepare)
    await side.attempt(connection.cancel)
    await side.attempt(connection.tpc_rollback)
    side.note(connection.info.transaction_status)
    await side.attempt(connection.tpc_begin, xid="\N{SNOWMAN}" * 99)
    await side.attempt(connection.rollback)
    await side.set(connection, "autocommit", True) if connection.info.transaction_status == 0 else None
    await side.attempt(connection.tpc_begin, "autocommitted")
