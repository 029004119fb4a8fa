"""Cursors of MySQL Connector/Python, of either flavour."""

from __future__ import annotations

import datetime as dt
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mysql.connector.abstracts import MySQLCursorAbstract

from cluster.parity.mysql_sides import fail

if TYPE_CHECKING:
    from cluster.parity.mysql_sides import MysqlSide

TWO_ROWS = "SELECT 1 AS a, 'x' AS b, CAST(1.5 AS DECIMAL(4,2)) AS c UNION SELECT 2, NULL, 3"

KINDS: list[dict[str, bool]] = [
    {},
    {"buffered": True},
    {"raw": True},
    {"dictionary": True},
    {"named_tuple": True},
    {"prepared": True},
    {"buffered": True, "raw": True},
    {"buffered": True, "dictionary": True},
    {"buffered": True, "named_tuple": True},
    {"prepared": True, "dictionary": True},
    {"prepared": True, "named_tuple": True},
    {"prepared": True, "raw": True},
    {"prepared": True, "buffered": True},
    {"dictionary": True, "raw": True},
    {"nonsense": True},
]

TOLD = (
    *("description", "rowcount", "lastrowid", "column_names", "with_rows", "statement", "warnings", "warning_count"),
    *("arraysize", "rownumber", "read_timeout"),
)


async def kinds(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in KINDS:
        await side.attempt(side.rows, connection, TWO_ROWS, **kind)
        cursor = await side.attempt(connection.cursor, **kind)
        if cursor is not None:
            side.note(cursor.__class__.__name__, isinstance(cursor, MySQLCursorAbstract), bool(cursor))
            await side.see(cursor, *TOLD)
            await side.execute(cursor, TWO_ROWS)
            await side.see(cursor, *TOLD)
            await side.attempt(cursor.fetchmany, 1)
            await side.see(cursor, "rowcount", "rownumber")
            await side.attempt(cursor.fetchone)
            await side.attempt(cursor.fetchone)
            await side.see(cursor, *TOLD)
            await side.attempt(cursor.close)


async def fetching(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in ({}, {"buffered": True}, {"dictionary": True}, {"raw": True}):
        cursor = await side.call(connection.cursor, **kind)
        for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
            await side.attempt(fetch)
        await side.call(cursor.execute, " UNION ".join(f"SELECT {number} AS n" for number in range(9)))
        await side.attempt(cursor.fetchone)
        await side.attempt(cursor.fetchmany)
        cursor.arraysize = 2
        await side.attempt(cursor.fetchmany)
        await side.attempt(cursor.fetchmany, 3)
        await side.attempt(cursor.fetchmany, size=1)
        await side.attempt(cursor.fetchmany, -1)
        await side.attempt(cursor.fetchall)
        await side.attempt(cursor.fetchall)
        await side.attempt(cursor.fetchone)
        await side.attempt(cursor.fetchmany, 1)
        await side.see(cursor, *TOLD)


async def rows_one_by_one(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in ({}, {"buffered": True}, {"dictionary": True}):
        cursor = await side.executed(connection, TWO_ROWS, **kind)
        if side.asynchronous:  # `async for` over the connector's own cursors does not work
            await side.attempt(cursor.__anext__)
            await side.attempt(cursor.__anext__)
            continue
        side.note(next(cursor), list(cursor))
        await side.attempt(next, cursor)
        await side.attempt(next, cursor, "the end")
        side.note(iter(cursor) is cursor)


async def many_rows(side: MysqlSide) -> None:
    connection = await side.connect()
    numbers = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    for kind in ({}, {"buffered": True}):
        cursor = await side.executed(connection, f"{numbers} SELECT i, REPEAT('x', i) FROM n", **kind)
        while found := await side.call(cursor.fetchmany, 150):
            side.note(len(found), found[-1][0], connection.unread_result)
        side.note(cursor.rowcount)


async def parameters(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    values = (1, "a'b\\", None, dt.date(2020, 1, 2), Decimal("1.10"), b"\x00\xff", True, 1.5, 2**40)
    for statement, given in (
        ("SELECT " + ", ".join(["%s"] * len(values)), values),
        ("SELECT %(x)s, %(y)s, %(x)s", {"x": 7, "y": "z"}),
        ("SELECT %s", [1]),
        ("SELECT %s", (1, 2)),
        ("SELECT %s, %s", (1,)),
        ("SELECT %(x)s", {}),
        ("SELECT '100%%', %s", (1,)),
        ("SELECT '100%'", ()),
        ("SELECT '100%'", None),
        ("SELECT %s", 7),
        ("SELECT %s", (object(),)),
        ("SELECT %s", ([1, 2],)),
        ("SELECT /* %s */ %s -- %s", (1,)),
        (b"SELECT 5", ()),
        (bytearray(b"SELECT 6"), ()),
        ("", ()),
        (None, ()),
        ("-- nothing", ()),
        (7, ()),
    ):
        await side.execute(cursor, statement, given)
        await side.see(cursor, "statement", "with_rows", "rowcount")
        await side.attempt(cursor.fetchall)
    await side.execute(cursor, operation="SELECT 1")
    await side.attempt(cursor.fetchall)
    await side.execute(cursor, "SELECT 1", nonsense=1)
    await side.execute(cursor, "SELECT %s", params=(3,))
    await side.attempt(cursor.fetchall)


async def types(side: MysqlSide) -> None:
    connection = await side.connect()
    columns = (
        "a TINYINT, b BIGINT UNSIGNED, c DECIMAL(20,5), d FLOAT, e DOUBLE, f DATE, g TIME(3), h DATETIME(6), "
        "i TIMESTAMP, j YEAR, k CHAR(3), l VARBINARY(5), m BLOB, n TEXT, o JSON, p ENUM('x','y'), q SET('x','y'), "
        "r BIT(10), s GEOMETRY, t BOOL"
    )
    await side.table(connection, columns)
    given = (
        -5, 2**63, Decimal("12345.67890"), 1.5, 2.25, "2020-02-29", "-01:02:03.456", "2021-01-01 01:02:03.000004",
        "2001-02-03 04:05:06", 1999, "é", b"\x00\xff", b"blob", "text", '{"a": [1, null]}', "y", "x,y", 5, None, True,
    )  # fmt: skip
    marks = ", ".join(["%s"] * len(given))
    await side.rows(connection, f"INSERT INTO parity VALUES ({marks})", given)
    await side.rows(connection, f"INSERT INTO parity VALUES ({', '.join(['NULL'] * len(given))})")
    for kind in KINDS[:8]:
        await side.attempt(side.rows, connection, "SELECT * FROM parity", **kind)
        cursor = await side.attempt(connection.cursor, **kind)
        if cursor is not None:
            await side.execute(cursor, "SELECT * FROM parity")
            side.note(cursor.description)
            await side.attempt(cursor.fetchall)


async def prepared_statements(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    cursor = await side.call(connection.cursor, prepared=True)
    for number in range(3):
        await side.execute(cursor, "SELECT %s + 1, ?", (number, "x"))
        await side.attempt(cursor.fetchall)
    for given in ((1, None), (Decimal("1.5"), b"x"), (dt.datetime(2020, 1, 2, 3, 4, 5, 6), 2.5), (1,), ()):  # noqa: DTZ001
        await side.execute(cursor, "SELECT ?, ?", given)
        await side.attempt(cursor.fetchall)
    await side.attempt(cursor.executemany, "INSERT INTO parity (v) VALUES (%s)", [("a",), ("b",)])
    await side.see(cursor, *TOLD)
    await side.execute(cursor, "SELEC")
    await side.execute(cursor, "SELECT * FROM parity WHERE v = %(v)s", {"v": "b"})
    await side.attempt(cursor.fetchmany, 1)
    await side.attempt(cursor.reset)
    await side.attempt(cursor.callproc, "parity_twice", (1, 2))
    await side.attempt(cursor.close)
    await side.execute(cursor, "SELECT 1")


async def inserting(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    cursor = await side.call(connection.cursor)
    insert = "INSERT INTO parity (v) VALUES (%s)"
    await side.execute(cursor, insert, ("a",))
    await side.see(cursor, *TOLD)
    side.note(connection.in_transaction)
    for statement, many in (
        (insert, [("b",), ("c",), ("d",)]),
        ("INSERT INTO parity (v) VALUES (%(v)s)", [{"v": "x"}, {"v": "y"}]),
        ("INSERT INTO parity (v) VALUES (%s) ON DUPLICATE KEY UPDATE v = VALUES(v)", [("e",), ("f",)]),
        ("INSERT INTO parity (v) SELECT %s", [("g",), ("h",)]),
        ("UPDATE parity SET v = %s WHERE v = %s", [("aa", "a"), ("bb", "b")]),
        ("SELECT %s", [(1,), (2,)]),
        (insert, []),
        (insert, [("x" * 100,)]),
        (insert, 7),
        (insert, [("a",), ("b", "c")]),
        ("", [("a",)]),
        ("DELETE FROM parity WHERE v = %s", iter([("c",), ("d",)])),
    ):
        await side.attempt(cursor.executemany, statement, many)
        await side.see(cursor, *TOLD)
        await side.attempt(connection.consume_results)
    await side.attempt(side.rows, connection, "SELECT id, v FROM parity ORDER BY id")


async def procedures(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in ({}, {"dictionary": True}, {"raw": True}, {"buffered": True}, {"named_tuple": True}):
        cursor = await side.attempt(connection.cursor, **kind)
        if cursor is None:
            continue
        for given in ((5, 0), (5, (0, "CHAR")), ("6", None), (), (1,)):
            await side.attempt(cursor.callproc, "parity_twice", given)
            async with side.noting_errors():
                async for each in side.each(cursor.stored_results()):
                    side.note(isinstance(each, MySQLCursorAbstract), each.__class__.__name__)
                    await side.see(each, *TOLD)
                    await side.attempt(each.fetchall)
            await side.attempt(connection.consume_results)
    connection = await side.connect()  # the last one is lost by now with the C extension up to 8.4
    cursor = await side.call(connection.cursor)
    wrong: list[tuple[Any, Any]] = [("missing", ()), ("", ()), (5, ()), ("parity_twice", 7), ("parity_twice", [1, 2])]
    for name, parameters_ in wrong:
        await side.attempt(cursor.callproc, name, parameters_)
    await side.attempt(side.rows, connection, "SELECT 1")


async def many_results_of_one_call(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    queries = "SELECT 1; SELECT 2, 3; DO 1; SELECT 'x'"
    async with side.noting_errors():  # up to 9.1
        results = cursor.execute(queries, multi=True)
        if side.asynchronous:
            results = await results
        async for each in side.each(results):
            side.note(each is cursor, each.with_rows, each.statement, each.rowcount)
            await side.attempt(each.fetchall)
    if hasattr(cursor, "executemulti"):
        async with side.noting_errors():
            results = cursor.executemulti(queries)
            async for each in side.each(results):
                await side.attempt(each.fetchall)
    await side.attempt(connection.consume_results)


async def result_sets_one_after_the_other(side: MysqlSide) -> None:
    queries = "SELECT 1; SELECT 2, 3; DO 1; SELECT 'x'"
    for kind in ({}, {"buffered": True}, {"dictionary": True}, {"raw": True}):
        connection = await side.connect()  # the last one has rows left where cursors know no `nextset`, up to 9.1
        cursor = await side.call(connection.cursor, **kind)
        await side.execute(cursor, queries)
        for _ in range(5):
            await side.see(cursor, *TOLD)
            await side.attempt(cursor.fetchall)
            await side.attempt(lambda cursor=cursor: cursor.nextset())
        await side.attempt(connection.rollback)


async def result_sets_by_iteration(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    if not hasattr(cursor, "fetchsets"):  # it came with 9.2
        side.note("it does not exist")
        return
    for options in ({}, {"map_results": True}):
        await side.execute(cursor, "SELECT 1; SELECT 2, 3; DO 1; SELECT 'x'", **options)
        async with side.noting_errors():
            async for statement, rows in side.each(cursor.fetchsets()):
                side.note(statement, rows, cursor.description)
    await side.execute(cursor, "SELECT 1; SELEC; SELECT 2")
    async with side.noting_errors():
        async for found in side.each(cursor.fetchsets()):
            side.note(found)
    await side.attempt(side.rows, connection, "SELECT 4")


async def result_sets_left_behind(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    await side.execute(cursor, "SELECT 1; SELECT 2; SELECT 3")
    await side.attempt(cursor.fetchall)
    await side.execute(cursor, "SELECT 4")
    await side.attempt(connection.commit)
    await side.attempt(connection.rollback)
    await side.attempt(side.rows, connection, "SELECT 5")


async def unread_rows(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.executed(connection, TWO_ROWS)
    for call in (connection.cursor, connection.commit, connection.ping, connection.reset_session, cursor.close):
        await side.attempt(call)
    await side.execute(cursor, "SELECT 3")
    side.note(connection.unread_result)
    await side.attempt(cursor.fetchone)
    await side.attempt(connection.rollback)
    side.note(connection.unread_result)
    await side.attempt(side.rows, connection, "SELECT 4")
    await side.executed(connection, TWO_ROWS)
    await side.attempt(connection.consume_results)
    await side.executed(connection, TWO_ROWS)
    await side.attempt(connection.close)


async def unread_rows_and_settings(side: MysqlSide) -> None:
    connection = await side.connect()
    settings = [("autocommit", True), ("database", "mysql"), ("time_zone", "+01:00"), ("sql_mode", "")]
    if side.driver.name == "mysql-c":  # its setter does nothing then, and says nothing; ours says what the others do
        del settings[0]
    for name, value in settings:
        await side.executed(connection, TWO_ROWS)
        await side.attempt(side.get, connection, name)
        await side.attempt(side.set, connection, name, value)
        await side.attempt(connection.is_connected)
        await side.attempt(connection.rollback)
        await side.attempt(connection.is_connected)


async def reading_what_nobody_reads(side: MysqlSide) -> None:
    told_later = await side.connect()
    told_later.can_consume_results = True
    for connection in (await side.connect(consume_results=True), told_later):
        for _ in range(2):
            await side.executed(connection, TWO_ROWS)
        side.note(connection.unread_result)
        await side.attempt(connection.commit)
        cursor = await side.executed(connection, TWO_ROWS)
        await side.attempt(cursor.fetchone)
        await side.attempt(side.rows, connection, "SELECT 3")
        await side.attempt(cursor.fetchall)
        side.note(connection.unread_result)


async def warnings_of_the_server(side: MysqlSide) -> None:
    connection = await side.connect(get_warnings=True)
    cursor = await side.executed(connection, "SELECT CAST('a' AS SIGNED), 1/0")
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.fetchwarnings)
    await side.see(cursor, "warnings", "warning_count")
    await side.execute(cursor, "DROP TABLE IF EXISTS parity_missing")
    await side.see(cursor, "warnings", "warning_count")
    connection.raise_on_warnings = True
    await side.attempt(side.rows, connection, "SELECT CAST('a' AS SIGNED)")
    await side.attempt(side.rows, connection, "DROP TABLE IF EXISTS parity_missing")
    await side.attempt(connection.consume_results)
    await side.attempt(side.rows, connection, "SELECT 1")


async def attributes(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    await side.attempt(cursor.add_attribute, "foo", "bar")
    await side.attempt(cursor.add_attribute, 5, "bar")
    await side.attempt(cursor.get_attributes)
    await side.execute(cursor, "SELECT 1")
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.remove_attribute, "foo")
    await side.attempt(cursor.clear_attributes)
    await side.attempt(cursor.get_attributes)


async def a_cursor_as_an_object(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    other = await side.call(connection.cursor)
    side.note(cursor == other, hash(cursor) == hash(cursor), weakref.ref(cursor)() is cursor, len({cursor, cursor}))
    for name in ("arraysize", "mine"):
        await side.attempt(setattr, cursor, name, 5)
        await side.attempt(getattr, cursor, name)
    for name in ("rowcount", "description", "lastrowid", "statement", "with_rows"):
        await side.attempt(setattr, cursor, name, 5)
    for call in ("setinputsizes", "setoutputsize", "getlastrowid", "scroll"):
        await side.attempt(lambda call=call: getattr(cursor, call)((1,)))


async def a_cursor_after_its_end(side: MysqlSide) -> None:
    connection = await side.connect()
    for kind in ({}, {"buffered": True}, {"prepared": True}):
        cursor = await side.executed(connection, "SELECT 1", **kind)
        await side.attempt(cursor.fetchall)
        for call in (cursor.close, cursor.close, lambda: cursor.execute("SELECT 1"), cursor.fetchone, cursor.fetchall):  # noqa: B023
            await side.attempt(call)
        await side.see(cursor, *TOLD)


async def a_cursor_in_a_block(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    async with side.noting_errors(), side.within(cursor) as same:
        side.note(same is cursor)
        await side.call(cursor.execute, "SELECT 1")
        await side.attempt(cursor.fetchall)
        fail()
    await side.execute(cursor, "SELECT 1")


async def a_cursor_outlives_what_opened_it(side: MysqlSide) -> None:
    cursor = await side.call((await side.connect()).cursor)
    await side.execute(cursor, "SELECT 1")
    await side.attempt(cursor.fetchall)
