"""Cursors of aiomysql's."""

from __future__ import annotations

import datetime as dt
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiomysql
from aiomysql.cursors import DeserializationCursor

from cluster.parity.mysql_sides import fail

if TYPE_CHECKING:
    from cluster.parity.mysql_sides import MysqlSide

TWO_ROWS = "SELECT 1 AS a, 'x' AS b, CAST(1.5 AS DECIMAL(4,2)) AS c UNION SELECT 2, NULL, 3"

KINDS: list[tuple[Any, ...]] = [
    (),
    (aiomysql.Cursor,),
    (aiomysql.DictCursor,),
    (aiomysql.SSCursor,),
    (aiomysql.SSDictCursor,),
    (aiomysql.DictCursor, DeserializationCursor),
    (int,),
]

TOLD = ("description", "rowcount", "rownumber", "lastrowid", "arraysize", "closed", "echo", "_executed", "nonsense")


async def kinds(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in KINDS:
        await side.attempt(side.rows, connection, TWO_ROWS, None, *kind)
        async with side.noting_errors():
            cursor = await connection.cursor(*kind)
            side.note(isinstance(cursor, aiomysql.Cursor), cursor.__class__.__name__, cursor.connection is connection)
            await side.see(cursor, *TOLD)
            await side.attempt(cursor.execute, TWO_ROWS)
            await side.see(cursor, *TOLD)
            for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, cursor.fetchone):
                await side.attempt(fetch)
                await side.see(cursor, "rownumber", "rowcount")
            await side.attempt(cursor.close)
            await side.see(cursor, *TOLD)


async def fetching(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in KINDS[:5]:
        cursor = await connection.cursor(*kind)
        for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
            await side.attempt(fetch)
        await cursor.execute(" UNION ".join(f"SELECT {number} AS n" for number in range(9)))
        await side.attempt(cursor.fetchone)
        cursor.arraysize = 2
        await side.attempt(cursor.fetchmany)
        await side.attempt(cursor.fetchmany, 3)
        await side.attempt(cursor.fetchmany, size=1)
        for scroll in ((1,), (-1,), (0, "absolute"), (100,), (1, "nonsense")):
            await side.attempt(cursor.scroll, *scroll)
            await side.see(cursor, "rownumber")
        await side.attempt(cursor.fetchall)
        await side.attempt(cursor.fetchall)
        await side.attempt(cursor.close)


async def rows_one_by_one(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in KINDS[:5]:
        cursor = await connection.cursor(*kind)
        await cursor.execute(TWO_ROWS)
        side.note([row async for row in cursor])
        await side.attempt(cursor.fetchone)
        await cursor.execute(TWO_ROWS)
        async for row in cursor:
            side.note(row)
            break
        await side.attempt(cursor.close)


async def opened_in_either_way(side: MysqlSide) -> None:
    connection = await side.connect()
    async with connection.cursor(aiomysql.DictCursor) as cursor:
        await side.attempt(cursor.execute, "SELECT 1 AS a")
        await side.attempt(cursor.fetchall)
    side.note(cursor.closed)
    cursor = await connection.cursor()
    async with side.noting_errors(), cursor as same:
        side.note(same is cursor)
        fail()
    side.note(cursor.closed)


async def parameters(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await connection.cursor()
    values = (1, "a'b\\", None, dt.date(2020, 1, 2), Decimal("1.10"), b"\x00\xff", True, 1.5, 2**40)
    for statement, given in (
        ("SELECT " + ", ".join(["%s"] * len(values)), values),
        ("SELECT %(x)s, %(y)s, %(x)s", {"x": 7, "y": "z"}),
        ("SELECT %s", [1]),
        ("SELECT %s", 7),
        ("SELECT %s", (1, 2)),
        ("SELECT %s, %s", (1,)),
        ("SELECT '100%%', %s", (1,)),
        ("SELECT '100%'", None),
        ("SELECT %s", (object(),)),
        ("SELECT 1 IN %s", ([1, 2],)),
        ("", None),
        (7, None),
    ):
        await side.attempt(cursor.mogrify, statement, given)
        await side.attempt(cursor.execute, statement, given)
        await side.attempt(cursor.fetchall)
    await side.attempt(cursor.execute, query="SELECT %s", args=(5,))
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.execute, "SELECT %s", args=(5,))
    await side.attempt(cursor.execute, "SELECT 1", nonsense=1)
    await side.attempt(cursor.executemany, query="SELECT %s", args=[(1,), (2,)])


async def inserting(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    cursor = await connection.cursor()
    insert = "INSERT INTO parity (v) VALUES (%s)"
    await side.attempt(cursor.execute, insert, ("a",))
    await side.see(cursor, *TOLD)
    for statement, many in (
        (insert, [("b",), ("c",), ("d",)]),
        ("INSERT INTO parity (v) VALUES (%s) ON DUPLICATE KEY UPDATE v = VALUES(v)", [("e",), ("f",)]),
        ("UPDATE parity SET v = %s WHERE v = %s", [("aa", "a"), ("bb", "b")]),
        ("SELECT %s", [(1,), (2,)]),
        (insert, []),
        (insert, [("x" * 100,)]),
        (insert, 7),
    ):
        await side.attempt(cursor.executemany, statement, many)
        await side.see(cursor, *TOLD)
    await side.attempt(side.rows, connection, "SELECT id, v FROM parity ORDER BY id")


async def procedures_and_several_results(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in KINDS[:4]:
        cursor = await connection.cursor(*kind)
        for call in (
            lambda: cursor.callproc("parity_twice", (5, 0)),  # noqa: B023 - called at once
            lambda: cursor.execute("SELECT 1; SELECT 2, 3; DO 1; SELECT 'x'"),  # noqa: B023
            lambda: cursor.execute("SELECT @_parity_twice_0, @_parity_twice_1"),  # noqa: B023
        ):
            await side.attempt(call)
            for _ in range(5):
                await side.attempt(cursor.fetchall)
                await side.see(cursor, *TOLD)
                await side.attempt(cursor.nextset)
        await side.attempt(cursor.callproc, "missing")
        await cursor.close()


async def unread_rows(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await connection.cursor(aiomysql.SSCursor)
    await cursor.execute(TWO_ROWS)
    await side.attempt(cursor.fetchone)
    await side.attempt(side.rows, connection, "SELECT 4")
    await side.attempt(cursor.fetchall)
    await side.attempt(connection.commit)
    await cursor.execute(TWO_ROWS)
    await side.attempt(connection.rollback)
    await side.attempt(cursor.execute, "SELECT 5")
    await side.attempt(cursor.close)
    await side.attempt(side.rows, connection, "SELECT 6")


async def types(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(
        connection,
        "a TINYINT, b BIGINT UNSIGNED, c DECIMAL(20,5), e DOUBLE, f DATE, g TIME(3), h DATETIME(6), j YEAR, "
        "l VARBINARY(5), m BLOB, n TEXT, o JSON, p ENUM('x','y'), q SET('x','y'), r BIT(10)",
    )
    given = (
        -5, 2**63, Decimal("12345.67890"), 2.25, "2020-02-29", "-01:02:03.456", "2021-01-01 01:02:03.000004", 1999,
        "bin", "blob", "text", '{"a": [1, null]}', "y", "x,y", 5,
    )  # fmt: skip
    await side.rows(connection, f"INSERT INTO parity VALUES ({', '.join(['%s'] * len(given))})", given)
    await side.rows(connection, f"INSERT INTO parity VALUES ({', '.join(['NULL'] * len(given))})")
    for kind in KINDS[:5]:
        await side.attempt(side.rows, connection, "SELECT * FROM parity", None, *kind)


async def a_cursor_as_an_object(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await connection.cursor()
    other = await connection.cursor()
    side.note(cursor == other, weakref.ref(cursor)() is cursor, len({cursor, cursor}))
    for name in ("arraysize", "mine"):
        await side.attempt(setattr, cursor, name, 5)
        await side.attempt(getattr, cursor, name)
    for name in ("rowcount", "description", "lastrowid", "connection"):
        await side.attempt(setattr, cursor, name, 5)
    for call in (cursor.setinputsizes, cursor.setoutputsizes):
        await side.attempt(call, (1,))
    side.note(cursor.max_stmt_length, cursor.OperationalError is aiomysql.OperationalError)


async def a_cursor_after_its_end(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in KINDS[:4]:
        cursor = await connection.cursor(*kind)
        await cursor.execute("SELECT 1")
        for call in (cursor.close, cursor.close, lambda: cursor.execute("SELECT 1"), cursor.fetchone, cursor.nextset):  # noqa: B023
            await side.attempt(call)
        await side.see(cursor, *TOLD)


async def large_values(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection, "id INT, v LONGBLOB")
    for size in (70_000, 17_000_000):  # the second takes more than one packet
        await side.attempt(side.rows, connection, "INSERT INTO parity VALUES (1, %s)", ("x" * size,))
        ((found, value),) = await side.rows(connection, "SELECT LENGTH(v), v FROM parity")
        side.note(found, value == b"x" * size)
        await side.rows(connection, "DELETE FROM parity")
