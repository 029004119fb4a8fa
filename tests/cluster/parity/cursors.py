"""Cursors on the client: statements, rows, factories, adapters."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import pq, rows, sql
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo
from psycopg.types.enum import EnumInfo
from psycopg.types.json import Jsonb, set_json_loads
from psycopg.types.multirange import MultirangeInfo
from psycopg.types.range import Range, RangeInfo

if TYPE_CHECKING:
    from cluster.parity.sides import Side

NUMBERS = "SELECT generate_series(1, 10) AS number"


def _classes(side: Side) -> list[Any]:
    names = ["Cursor", "ClientCursor", "RawCursor"]
    return [getattr(psycopg, f"Async{name}" if side.asynchronous else name) for name in names]


async def a_cursors_life(side: Side) -> None:
    for cursor_class in _classes(side):
        connection = await side.connect(cursor_factory=cursor_class)
        cursor = connection.cursor()
        side.note(isinstance(cursor, cursor_class), cursor.closed, cursor.description, cursor.rowcount)
        side.note("no result" in str(cursor), "IDLE" in str(cursor), cursor.connection is connection)
        side.note((await side.call(cursor.execute, NUMBERS)) is cursor)
        side.note("TUPLES_OK" in repr(cursor), cursor.statusmessage, cursor.rowcount, cursor.rownumber)
        async with side.within(cursor) as same:
            side.note(same is cursor)
        side.note(cursor.closed, "closed" in str(cursor), cursor.pgresult)
        for use in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
            await side.attempt(use)
        await side.attempt(cursor.execute, "SELECT 1")
        await side.attempt(cursor.nextset)
        await side.attempt(cursor.close)


async def made_by_hand(side: Side) -> None:
    connection = await side.connect(row_factory=rows.dict_row)
    for cursor_class in _classes(side):
        cursor = cursor_class(connection)
        await side.call(cursor.execute, "SELECT 1 AS a")
        await side.attempt(cursor.fetchall)
        cursor = cursor_class(connection, row_factory=rows.tuple_row)
        await side.call(cursor.execute, "SELECT 1 AS a")
        await side.attempt(cursor.fetchall)
        side.note(cursor.connection is connection)
    server_class = psycopg.AsyncServerCursor if side.asynchronous else psycopg.ServerCursor
    async with side.within(server_class(connection, "byhand")) as cursor:
        await side.call(cursor.execute, NUMBERS)
        await side.attempt(cursor.fetchmany, 3)
        side.note([row async for row in side.each(cursor)])


async def fetching(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    for use in (cursor.fetchone, cursor.fetchall, cursor.nextset):
        await side.attempt(use)
    await side.call(cursor.execute, NUMBERS)
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.fetchmany)
    await side.attempt(cursor.fetchmany, 2)
    await side.attempt(cursor.fetchmany, size=2)
    cursor.arraysize = 3
    side.note(cursor.arraysize)
    await side.attempt(cursor.fetchmany)
    side.note(cursor.rownumber)
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.fetchmany)
    await side.call(cursor.execute, "CREATE TEMP TABLE nothing ()")
    await side.attempt(cursor.fetchone)
    await side.call(cursor.execute, "")
    await side.attempt(cursor.fetchall)


async def iterating(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    await side.call(cursor.execute, NUMBERS)
    async for row in side.each(cursor):
        side.note(row, cursor.rownumber)
        if row == (3,):
            break
    await side.attempt(cursor.fetchone)
    side.note([row async for row in side.each(cursor)])
    side.note([row async for row in side.each(cursor)])


async def stepping(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    step: Any = anext if side.asynchronous else next
    side.note(hasattr(cursor, "__next__"), hasattr(cursor, "__anext__"))
    await side.attempt(step, cursor, "nothing left")
    await side.call(cursor.execute, "SELECT 1")
    await side.attempt(step, cursor, "nothing left")
    await side.attempt(step, cursor, "nothing left")


async def scrolling(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    await side.attempt(cursor.scroll, 0)
    await side.call(cursor.execute, NUMBERS)
    for arguments in ((2,), (-1,), (3, "absolute"), (-9,), (99,), (0, "absolute"), (-1, "absolute"), (1, "sideways")):
        await side.attempt(cursor.scroll, *arguments)
        await side.attempt(cursor.fetchone)
    await side.attempt(cursor.scroll, value=1, mode="absolute")


async def many_results(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    await side.call(cursor.execute, "SELECT 'a'; SELECT generate_series(1, 3); CREATE TEMP TABLE t (); SELECT 'z'")
    while True:
        side.note(cursor.rowcount, cursor.statusmessage, cursor.rownumber, cursor.description)
        await side.attempt(cursor.fetchall)
        if not await side.attempt(cursor.nextset):
            break
    for index in (0, 1, -1, 7, -7):
        chosen = await side.attempt(cursor.set_result, index)
        side.note(chosen is cursor)
        await side.attempt(cursor.fetchall)
    await side.call(cursor.execute, "SELECT 1; SELECT 2")
    async for result in side.each(cursor.results()):
        side.note(result is cursor, await side.call(cursor.fetchone))


async def parameters(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    day = dt.date(2026, 2, 3)
    identity = uuid.UUID(int=7)
    for value in (1, "x", None, b"\0", 1.5, decimal.Decimal("1.10"), day, [1, 2], identity, Range(1, 3), Jsonb([1])):
        for binary in (False, True):
            await side.attempt(cursor.execute, "SELECT %s", [value], binary=binary)
            await side.attempt(cursor.fetchone)
    await side.attempt(cursor.execute, "SELECT %(a)s, %(b)s, %(a)s", {"a": 1, "b": 2})
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.execute, query="SELECT %t", params=("x",), prepare=False)
    await side.attempt(cursor.execute, "SELECT %s", (1, 2))
    await side.attempt(cursor.execute, "SELECT %s", [object()])
    await side.attempt(cursor.execute, "SELECT %s", nonsense=1)
    await side.attempt(cursor.execute, sql.SQL("SELECT {}, {}").format(sql.Literal("it's"), sql.Placeholder()), [1])
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.execute, "SELECT '\ud800'")


async def many_executions(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    await side.call(cursor.execute, "CREATE TEMP TABLE many (n int PRIMARY KEY, data text)")
    insert = "INSERT INTO many VALUES (%s, %s)"
    await side.attempt(cursor.executemany, insert, [(1, "a"), (2, "b")])
    side.note(cursor.rowcount)
    await side.attempt(cursor.executemany, f"{insert} RETURNING n", [(3, "c"), (4, "d")], returning=True)
    while True:
        await side.attempt(cursor.fetchall)
        if not await side.attempt(cursor.nextset):
            break
    await side.attempt(cursor.executemany, query=insert, params_seq=(row for row in [(5, "e")]))
    await side.attempt(cursor.executemany, insert, [])
    side.note(cursor.rowcount, cursor.rownumber)
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.executemany, insert, [(6, "f"), (1, "again")])
    await side.call(connection.rollback)
    await side.attempt(cursor.executemany, "INSERT INTO nosuchtable VALUES (%s)", [(1,)])


async def streaming(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    side.note([row async for row in side.each(cursor.stream(NUMBERS))])
    side.note([row async for row in side.each(cursor.stream("SELECT generate_series(1, %s)", [3], size=2))])
    side.note([row async for row in side.each(cursor.stream(NUMBERS, binary=True))])
    stream = cursor.stream(NUMBERS)
    side.note(hasattr(stream, "send"), hasattr(stream, "asend"))
    async for row in side.each(stream):
        side.note(row, connection.info.transaction_status)
        break
    closing_: Any = aclosing(stream) if side.asynchronous else closing(stream)
    async with side.within(closing_):
        pass
    side.note(connection.info.transaction_status)
    for query, options in (
        ("wat", {}),
        ("CREATE TEMP TABLE streamed ()", {}),
        ("SELECT 1", {"size": 0}),
        ("COPY (SELECT 1) TO stdout", {}),
    ):
        await side.call(connection.rollback)
        async with side.noting_errors():
            side.note([row async for row in side.each(cursor.stream(query, **options))])
        side.note(connection.info.transaction_status)
    await side.attempt(cursor.stream)


async def a_stream_whose_connection_is_closed(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    async with side.noting_errors():
        async for row in side.each(connection.cursor().stream(NUMBERS)):
            side.note(row)
            await side.call(connection.close)
    side.note(connection.closed)


async def row_factories(side: Side) -> None:
    connection = await side.connect()
    for factory in (rows.tuple_row, rows.dict_row, rows.namedtuple_row, rows.scalar_row, rows.class_row(dict)):
        cursor = connection.cursor(row_factory=factory)
        side.note(cursor.row_factory is factory)
        await side.call(cursor.execute, "SELECT 1 AS a, 'x' AS b; SELECT 2 AS c")
        await side.attempt(cursor.fetchall)
        await side.attempt(cursor.nextset)
        await side.attempt(cursor.fetchone)
        cursor.row_factory = rows.dict_row
        await side.attempt(cursor.scroll, 0, "absolute")
        await side.attempt(cursor.fetchone)
    broken = connection.cursor(row_factory=lambda _cursor: 1 // 0)
    await side.attempt(broken.execute, "SELECT 1")


async def a_factory_sees_the_cursor(side: Side) -> None:
    seen: list[Any] = []

    def factory(cursor: Any) -> Any:
        seen.append([column.name for column in cursor.description])
        return list

    await side.attempt(side.rows, await side.connect(row_factory=factory), "SELECT 1 AS a, 2 AS b")
    side.note(seen)


async def description(side: Side) -> None:
    cursor = (await side.connect()).cursor()
    await side.call(cursor.execute, "SELECT 1 AS a, 'x'::varchar(9) AS b, 1.5::numeric(7, 2) AS c, now() AS d")
    for column in cursor.description:
        side.note(tuple(column), column.type_display, str(column))
    side.note(cursor.pgresult.nfields, cursor.pgresult.status == pq.ExecStatus.TUPLES_OK)
    side.note(cursor._query.query, cursor._last_query, cursor.format)
    await side.attempt(cursor.setinputsizes, [1])
    await side.attempt(cursor.setoutputsize, 1)
    await side.attempt(setattr, cursor, "description", [])
    await side.attempt(setattr, cursor, "nonsense", 1)
    await side.attempt(setattr, cursor, "rowcount", 1)


async def errors_carry_what_the_server_said(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    statements = (
        "SELECT 1 / 0",
        "SELECT * FROM nosuchtable",
        "SELEC 1",
        "SELECT 'x'::int",
        "SET statement_timeout = 10; SELECT pg_sleep(9)",
        "DO $$ BEGIN RAISE EXCEPTION 'mine' USING ERRCODE = 'XX001', DETAIL = 'd', HINT = 'h'; END $$",
    )
    for statement in statements:
        with pytest.raises(psycopg.Error) as raised:
            await side.call(connection.execute, statement)
        error, diagnostics = raised.value, raised.value.diag
        side.note(error, diagnostics.severity, diagnostics.message_detail, diagnostics.message_hint)
        side.note(diagnostics.statement_position, error.pgresult is not None, error.pgconn is not None)
        side.note(error.__cause__, type(error.__context__))


async def preparing(side: Side) -> None:
    connection = await side.connect(prepare_threshold=2, autocommit=True)
    count = "SELECT count(*) FROM pg_prepared_statements"
    for _ in range(4):
        await side.attempt(side.rows, connection, count)
    await side.attempt(side.rows, connection, count, prepare=True)
    await side.attempt(side.rows, connection, "SELECT 1", prepare=False)
    connection.prepare_threshold = 0
    connection.prepared_max = 1
    for number in range(3):
        await side.attempt(side.rows, connection, f"SELECT %s + {number}", [number])
    await side.attempt(side.rows, connection, count)
    await side.call(connection.execute, "DEALLOCATE ALL")
    await side.attempt(side.rows, connection, count)


async def client_side_binding(side: Side) -> None:
    connection = await side.connect(cursor_factory=_classes(side)[1])
    cursor = connection.cursor()
    side.note(cursor.mogrify("SELECT %s, %s", [1, "it's"]))
    await side.attempt(cursor.execute, "SELECT %s; SELECT %s", [1, 2])
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.nextset)
    await side.attempt(cursor.fetchall)
    await side.attempt(cursor.execute, "SELECT 1", binary=True)


async def raw_parameters(side: Side) -> None:
    cursor = (await side.connect(cursor_factory=_classes(side)[2])).cursor()
    await side.attempt(cursor.execute, "SELECT $1::int + $2::int, '%s'", [1, 2])
    await side.attempt(cursor.fetchall)


async def types_of_the_database(side: Side) -> None:
    connection = await side.connect()
    await side.call(connection.execute, "CREATE TYPE pg_temp.mood AS ENUM ('good', 'bad')")
    await side.call(connection.execute, "CREATE TYPE pg_temp.pair AS (a int, b text)")
    await side.call(connection.execute, "CREATE TYPE pg_temp.span AS RANGE (subtype = int)")
    for kind, name in (
        (TypeInfo, "jsonb"),
        (TypeInfo, "nosuchtype"),
        (EnumInfo, "pg_temp.mood"),
        (CompositeInfo, "pg_temp.pair"),
        (RangeInfo, "pg_temp.span"),
        (MultirangeInfo, "int4multirange"),
        (CompositeInfo, sql.Identifier("nosuchtype")),
    ):
        fetch: Any = kind.fetch
        info = await side.call(fetch, connection, name)
        side.note(info and info.name, type(info))
        if info is not None:
            info.register(connection)
            side.note(connection.adapters.types[info.name].name)
            info.register(connection.cursor())
    await side.attempt(side.rows, connection, "SELECT '(1, x)'::pg_temp.pair")
    side.note(connection.info.transaction_status)


async def adapters_of_a_cursor(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    set_json_loads(lambda text: ("loaded", text), cursor)
    await side.call(cursor.execute, "SELECT '{}'::json")
    await side.attempt(cursor.fetchone)
    await side.attempt(side.rows, connection, "SELECT '{}'::json")
    side.note(cursor.adapters is not connection.adapters)


async def a_class_of_the_programs_own(side: Side) -> None:
    class Mine(psycopg.Cursor[Any]):
        def numbers(self, limit: int) -> Any:
            self.execute("SELECT generate_series(1, %s)", [limit])
            return self

        @property
        def mine(self) -> str:
            return "mine"

        def __len__(self) -> int:
            return self.rowcount

    class AsyncMine(psycopg.AsyncCursor[Any]):
        async def numbers(self, limit: int) -> Any:
            await self.execute("SELECT generate_series(1, %s)", [limit])
            return self

        @property
        def mine(self) -> str:
            return "mine"

        def __len__(self) -> int:
            return self.rowcount

    factory: Any = AsyncMine if side.asynchronous else Mine
    cursor = (await side.connect(cursor_factory=factory)).cursor()
    side.note(cursor.mine, (await side.call(cursor.numbers, 3)) is cursor, len(cursor))
    await side.attempt(cursor.fetchall)
    cursor.note = "attributes are possible"
    side.note(cursor.note)
