"""Cursors on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import rows

if TYPE_CHECKING:
    from cluster.parity.sides import Side

NUMBERS = "SELECT generate_series(1, 10) AS number"


async def a_life(side: Side) -> None:
    connection = await side.connect()
    drivers_class = psycopg.AsyncServerCursor if side.asynchronous else psycopg.ServerCursor
    async with side.within(connection.cursor("a name")) as cursor:
        side.note(isinstance(cursor, drivers_class), cursor.name, cursor.scrollable, cursor.withhold, cursor.closed)
        side.note(
            cursor.rowcount, cursor.rownumber, cursor.description, cursor.itersize, cursor.connection is connection
        )
        side.note("a name" in repr(cursor), "no result" in repr(cursor))
        side.note((await side.call(cursor.execute, NUMBERS)) is cursor)
        side.note(cursor.rowcount, cursor.rownumber, cursor.statusmessage, [each.name for each in cursor.description])
        await side.attempt(side.rows, connection, "SELECT name FROM pg_cursors WHERE name = 'a name'")
    side.note(cursor.closed, "closed" in repr(cursor))
    await side.attempt(cursor.close)
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.execute, "SELECT 1")
    await side.attempt(side.rows, connection, "SELECT name FROM pg_cursors")


async def fetching(side: Side) -> None:
    connection = await side.connect()
    cursor = side.cursor(connection, "named")
    for use in (cursor.fetchone, cursor.fetchall, cursor.nextset):
        await side.attempt(use)
    await side.call(connection.rollback)
    await side.call(cursor.execute, NUMBERS)
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.fetchmany)
    cursor.arraysize = 2
    await side.attempt(cursor.fetchmany)
    await side.attempt(cursor.fetchmany, 3)
    side.note(cursor.rownumber)
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.fetchall)


async def iterating(side: Side) -> None:
    connection = await side.connect()
    for size in (3, 100):
        cursor = side.cursor(connection, "named")
        cursor.itersize = size
        await side.call(cursor.execute, NUMBERS)
        async for row in side.each(cursor):
            side.note(row, cursor.rownumber)
            if row == (2,):
                break
        await side.attempt(cursor.fetchone)
        side.note([row async for row in side.each(cursor)])
        if hasattr(cursor, "__next__"):
            await side.attempt(next, cursor, None)
        await side.call(cursor.close)


async def scrolling(side: Side) -> None:
    connection = await side.connect()
    for scrollable in (None, False, True):
        cursor = side.cursor(connection, "named", scrollable=scrollable)
        await side.call(cursor.execute, NUMBERS)
        for arguments in ((2,), (3, "absolute"), (-1,), (99,), (1, "sideways")):
            await side.attempt(cursor.scroll, *arguments)
            await side.attempt(cursor.fetchone)
            side.note(cursor.rownumber)
        await side.call(connection.rollback)


async def holding(side: Side) -> None:
    connection = await side.connect()
    cursor = side.cursor(connection, "held", withhold=True)
    await side.call(cursor.execute, NUMBERS)
    await side.attempt(cursor.fetchone)
    await side.call(connection.commit)
    await side.attempt(cursor.fetchone)
    unheld = side.cursor(connection, "unheld")
    await side.call(unheld.execute, NUMBERS)
    await side.call(connection.commit)
    await side.attempt(unheld.fetchone)


async def what_is_not_possible(side: Side) -> None:
    connection = await side.connect()
    cursor = side.cursor(connection, "named")
    await side.attempt(cursor.executemany, "SELECT %s", [(1,)])
    await side.attempt(cursor.execute, "SELECT 1", nonsense=1)
    await side.attempt(cursor.execute, "CREATE TABLE t ()")
    await side.call(connection.rollback)
    await side.attempt(cursor.execute, "wat")
    await side.call(connection.rollback)
    async with side.noting_errors():
        side.note([row async for row in side.each(cursor.stream("SELECT 1"))])
    async with side.noting_errors(), side.within(cursor.copy("COPY (SELECT 1) TO stdout")):
        pass
    autocommitting = await side.connect(autocommit=True)
    await side.attempt(side.cursor(autocommitting, "named").execute, NUMBERS)


async def rows_and_parameters(side: Side) -> None:
    connection = await side.connect(row_factory=rows.dict_row)
    cursor = side.cursor(connection, "named", binary=True)
    await side.attempt(cursor.execute, "SELECT %s::int AS a, %s::text AS b", [1, "x"])
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.execute, "SELECT %(a)s AS a", {"a": 1}, binary=False)
    side.note(cursor.format)
    cursor.row_factory = rows.tuple_row
    await side.attempt(cursor.fetchall)


async def a_factory_of_the_programs_own(side: Side) -> None:
    class Mine(psycopg.ServerCursor[Any]):
        def half(self) -> Any:
            return self.fetchmany(5)

    class AsyncMine(psycopg.AsyncServerCursor[Any]):
        async def half(self) -> Any:
            return await self.fetchmany(5)

    connection = await side.connect()
    connection.server_cursor_factory = AsyncMine if side.asynchronous else Mine
    cursor = side.cursor(connection, "named")
    await side.call(cursor.execute, NUMBERS)
    await side.attempt(cursor.half)


async def closed_after_its_connection(side: Side) -> None:
    connection = await side.connect()
    cursor = side.cursor(connection, "named")
    await side.call(cursor.execute, NUMBERS)
    await side.call(connection.close)
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.close)
    side.note(cursor.closed)
