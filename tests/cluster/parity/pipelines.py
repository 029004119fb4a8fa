"""Pipeline mode: rows and errors come when they are fetched, at a sync, or at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq

if TYPE_CHECKING:
    from cluster.parity.sides import Side


def _fail() -> None:
    raise ZeroDivisionError("the program's own")


def _roll_back() -> None:
    raise psycopg.Rollback


async def what_a_block_gives(side: Side) -> None:
    connection = await side.connect()
    async with side.within(connection.pipeline()) as pipeline:
        drivers_class = psycopg.AsyncPipeline if side.asynchronous else psycopg.Pipeline
        side.note(isinstance(pipeline, drivers_class), pipeline.status, connection._pipeline is pipeline)
        side.note("[IDLE]" in repr(pipeline), pipeline.is_supported(), len(pipeline.result_queue))
        async with side.within(connection.pipeline()) as again:
            side.note(again is pipeline, pipeline.level)
        await side.attempt(pipeline.sync)
    side.note(pipeline.status, connection._pipeline, connection.pgconn.pipeline_status)
    await side.attempt(pipeline.sync)
    await side.call(connection.close)
    side.note("[BAD]" in repr(pipeline))
    async with side.noting_errors(), side.within(connection.pipeline()):
        pass


async def rows_come_when_fetched(side: Side) -> None:
    connection = await side.connect()
    before = connection.cursor()
    async with side.within(connection.pipeline()):
        inside = connection.cursor()
        await side.call(before.execute, "SELECT generate_series(1, 3)")
        await side.call(inside.execute, "SELECT generate_series(4, 6)")
        late = await side.call(connection.execute, "SELECT 7")
        side.note(before.statusmessage, before.rowcount, before.description)
        await side.attempt(before.fetchone)
        await side.attempt(inside.fetchmany, 2)
        side.note(inside.statusmessage, inside.rowcount)
        side.note([row async for row in side.each(inside)])
        await side.attempt(before.scroll, -1)
        await side.attempt(before.fetchall)
        await side.attempt(before.nextset)
    await side.attempt(late.fetchall)
    await side.attempt(before.execute, "SELECT 8")
    await side.attempt(before.fetchall)


async def iterating_first(side: Side) -> None:
    connection = await side.connect()
    async with side.within(connection.pipeline()):
        cursor = await side.call(connection.execute, "SELECT generate_series(1, 3)")
        side.note([row async for row in side.each(cursor)])
        if not side.asynchronous:
            cursor = connection.execute("SELECT generate_series(1, 3)")
            await side.attempt(next, cursor, None)
            cursor.scroll(1)
            await side.attempt(next, cursor, None)
        await side.attempt(connection.cursor().fetchone)


async def errors_come_when_fetched(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    async with side.noting_errors(), side.within(connection.pipeline()) as pipeline:
        good = await side.call(connection.execute, "SELECT 1")
        await side.attempt(side.rows, connection, "SELECT * FROM nosuchtable")
        await side.attempt(side.rows, connection, "SELECT 2")
        await side.attempt(good.fetchone)
        side.note(pipeline.status)
        await side.attempt(pipeline.sync)
        side.note(pipeline.status)
        good = await side.call(connection.execute, "SELECT 3")
    await side.attempt(good.fetchone)
    side.note(connection.pgconn.pipeline_status == pq.PipelineStatus.OFF)


async def errors_come_at_a_sync(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    async with side.noting_errors(), side.within(connection.pipeline()) as pipeline:
        async with side.noting_errors():
            await side.call(connection.execute, "SELECT * FROM nosuchtable")
            await side.call(pipeline.sync)
        await side.call(connection.execute, "SELECT * FROM nosuchtable")
    await side.attempt(side.rows, connection, "SELECT 1")


async def commits_and_rollbacks(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection.pipeline()):
        await side.attempt(side.rows, connection, "SELECT * FROM nosuchtable")
        await side.attempt(connection.commit)
        await side.attempt(connection.rollback)
        first = await side.call(connection.execute, "SELECT 1")
        await side.attempt(connection.commit)
    await side.attempt(first.fetchall)
    side.note(connection.info.transaction_status)


async def transactions_inside_and_around(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection.pipeline()):
        async with side.within(connection.transaction()) as transaction:
            side.note(transaction.connection is connection)
            inner = await side.call(connection.execute, "SELECT 'inner'")
        await side.attempt(inner.fetchone)
        async with side.noting_errors(), side.within(connection.transaction()):
            await side.call(connection.execute, "SELECT * FROM nosuchtable")
        async with side.within(connection.transaction()):
            inner = await side.call(connection.execute, "SELECT 'rolled back'")
            _roll_back()
        await side.attempt(inner.fetchone)
    async with side.noting_errors(), side.within(connection.transaction()):
        async with side.noting_errors(), side.within(connection.pipeline()):
            await side.call(connection.execute, "meh")
    side.note(connection.info.transaction_status)


async def settings_inside(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection.pipeline()):
        await side.attempt(side.set, connection, "read_only", True)
        await side.call(connection.execute, "SELECT 1")
        await side.attempt(side.set, connection, "read_only", False)
        await side.attempt(side.set, connection, "autocommit", True)
    side.note(connection.read_only, connection.autocommit)


async def many_executions(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    await side.call(connection.execute, "CREATE TEMP TABLE many (n int)")
    async with side.within(connection.pipeline()), side.within(connection.cursor()) as cursor:
        await side.attempt(cursor.executemany, "INSERT INTO many VALUES (%s) RETURNING n", [(1,), (2,)], returning=True)
        side.note(cursor.rowcount)
        for _ in range(3):
            await side.attempt(cursor.fetchone)
            await side.attempt(cursor.nextset)
        await side.attempt(cursor.executemany, "INSERT INTO many VALUES (%s)", [(3,), (4,)])
        await side.attempt(cursor.fetchone)
        await side.attempt(side.rows, connection, "SELECT n FROM many")


async def what_is_not_possible(side: Side) -> None:
    connection = await side.connect()
    named = side.cursor(connection, "named")
    async with side.noting_errors(), side.within(connection.pipeline()):
        await side.attempt(named.execute, "SELECT 1")
        async with side.noting_errors(), side.within(connection.cursor().copy("COPY (SELECT 1) TO stdout")):
            pass
        async with side.noting_errors():
            side.note([row async for row in side.each(connection.cursor().stream("SELECT 1"))])
    async with side.noting_errors(), side.within(connection.pipeline()):
        await side.call(connection.execute, "SELECT 1; SELECT 2")


async def closed_inside(side: Side) -> None:
    for nested in (False, True):
        connection = await side.connect()
        with side.log() as records:
            async with side.noting_errors(), side.within(connection.pipeline()):
                await side.call(connection.execute, "SELECT 1")
                if nested:
                    async with side.within(connection.pipeline()):
                        await side.call(connection.close)
                        _fail()
                await side.call(connection.close)
        side.note(len(records), connection.closed)


async def preparing(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    async with side.within(connection.pipeline()):
        cursors: list[Any] = [
            await side.call(connection.execute, "SELECT count(*) FROM pg_prepared_statements") for _ in range(10)
        ]
        side.note(len(connection._prepared._names))
    side.note([await side.call(cursor.fetchone) for cursor in cursors])
