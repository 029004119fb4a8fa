"""Methods of psycopg's that touch the network, each up to the moment at which the wire is cut in the middle of it.

Written once for both flavours: `done` awaits what has to be awaited, `inside` enters both kinds of context manager, and
`items` goes through both kinds of iterator.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg.types import TypeInfo

Cut: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when no byte passes any more in either direction."""

TABLE = "public.under_fire"
MANY = "SELECT generate_series(1, 3000000)"


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def inside(block: Any) -> AsyncIterator[Any]:
    if hasattr(block, "__aenter__"):
        async with block as entered:
            yield entered
    else:
        with block as entered:
            yield entered


async def items(source: Any) -> AsyncIterator[Any]:
    if hasattr(source, "__aiter__"):
        async for item in source:
            yield item
    else:
        for item in source:
            yield item


async def drain(source: Any) -> None:
    async for _ in items(source):
        pass


async def first_value(connection: Any, query: str) -> Any:
    """Return the first column of the first row."""
    cursor = await done(connection.cursor())
    await done(cursor.execute(query))
    (first, *_), *_ = await done(cursor.fetchall())
    return first


@dataclass(frozen=True)
class Case:
    """A method, on a connection in autocommit or not; `unknown`: a transaction is open when the wire is cut."""

    name: str
    play: Callable[[Any, Cut], Awaitable[None]]
    autocommit: bool
    unknown: bool


CASES: list[Case] = []


def case(
    name: str, *, autocommit: bool = False, unknown: bool = True
) -> Callable[[Callable[[Any, Cut], Awaitable[None]]], None]:
    def add(play: Callable[[Any, Cut], Awaitable[None]]) -> None:
        CASES.append(Case(name, play, autocommit, unknown))

    return add


# Statements


@case("cursor.execute", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor()
    await cut()
    await done(cursor.execute("SELECT 1"))


@case("cursor.execute, prepared", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor(binary=True)
    await done(cursor.execute("SELECT %s::int", (1,), prepare=True))
    await cut()
    await done(cursor.execute("SELECT %s::int", (2,), prepare=True))


@case("cursor.execute in a transaction")
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor()
    await done(cursor.execute("SELECT 1"))
    await cut()
    await done(cursor.execute("SELECT 2"))


@case("connection.execute", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    await done(connection.execute("SELECT 1"))


@case("cursor.executemany", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor()
    await cut()
    await done(cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s)", [(number,) for number in range(500)]))


@case("TypeInfo.fetch", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    await done(TypeInfo.fetch(connection, "int4"))


# Transactions


@case("connection.commit")
async def _(connection: Any, cut: Cut) -> None:
    await done(connection.execute(f"INSERT INTO {TABLE} VALUES (1)"))
    await cut()
    await done(connection.commit())


@case("connection.rollback")
async def _(connection: Any, cut: Cut) -> None:
    await done(connection.execute(f"INSERT INTO {TABLE} VALUES (1)"))
    await cut()
    await done(connection.rollback())


@case("transaction, entered", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    block = connection.transaction()
    await cut()
    async with inside(block):
        await done(connection.execute("SELECT 1"))


@case("transaction, committed", autocommit=True)
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.transaction()):
        await done(connection.execute(f"INSERT INTO {TABLE} VALUES (1)"))
        await cut()


@case("transaction, rolled back", autocommit=True)
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.transaction(force_rollback=True)):
        await done(connection.execute(f"INSERT INTO {TABLE} VALUES (1)"))
        await cut()


@case("savepoint, entered")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.transaction()):
        await done(connection.execute("SELECT 1"))
        await cut()
        async with inside(connection.transaction("inner")):
            pass


@case("savepoint, released")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.transaction()), inside(connection.transaction("inner")):
        await done(connection.execute("SELECT 1"))
        await cut()


@case("savepoint, rolled back")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.transaction()), inside(connection.transaction("inner", force_rollback=True)):
        await done(connection.execute("SELECT 1"))
        await cut()


# Copy


@case("copy in, finished")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.cursor().copy(f"COPY {TABLE} FROM STDIN")) as copy:
        await done(copy.write_row((1,)))
        await cut()


@case("copy in, write")
async def _(connection: Any, cut: Cut) -> None:
    rows = b"1\n" * 50_000
    async with inside(connection.cursor().copy(f"COPY {TABLE} FROM STDIN")) as copy:
        await done(copy.write(rows))
        await cut()
        for _ in range(1000):
            await done(copy.write(rows))


@case("copy in, write_row with types")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.cursor().copy(f"COPY {TABLE} FROM STDIN (FORMAT binary)")) as copy:
        copy.set_types(["int4"])
        await done(copy.write_row((1,)))
        await cut()
        for number in range(3_000_000):
            await done(copy.write_row((number,)))


@case("copy out, begun", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    block = connection.cursor().copy(f"COPY ({MANY}) TO STDOUT")
    await cut()
    async with inside(block) as copy:
        await done(copy.read())


@case("copy out, read")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.cursor().copy(f"COPY ({MANY}) TO STDOUT")) as copy:
        await done(copy.read())
        await cut()
        while await done(copy.read()):
            pass


@case("copy out, iterated")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.cursor().copy(f"COPY ({MANY}) TO STDOUT")) as copy:
        await done(copy.read())
        await cut()
        await drain(copy)


@case("copy out, read_row with types")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.cursor().copy(f"COPY ({MANY}) TO STDOUT (FORMAT binary)")) as copy:
        copy.set_types(["int4"])
        await done(copy.read_row())
        await cut()
        while await done(copy.read_row()):
            pass


@case("copy out, rows")
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.cursor().copy(f"COPY ({MANY}) TO STDOUT")) as copy:
        await done(copy.read_row())
        await cut()
        await drain(copy.rows())


# Rows that come one by one


@case("cursor.stream, begun", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor()
    await cut()
    await drain(cursor.stream(MANY))


@case("cursor.stream", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    rows = items(connection.cursor().stream(MANY))
    await anext_(rows)
    await cut()
    async for _row in rows:
        pass


async def anext_(iterator: AsyncIterator[Any]) -> Any:
    return await iterator.__anext__()


@case("connection.notifies", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    await done(connection.execute("LISTEN news"))
    await cut()
    await drain(connection.notifies())


async def declared(connection: Any, **options: Any) -> Any:
    cursor = connection.cursor("rows_of_a_server", **options)
    await done(cursor.execute(MANY))
    return cursor


@case("server cursor, execute")
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor("rows_of_a_server")
    await done(connection.execute("SELECT 1"))
    await cut()
    await done(cursor.execute(MANY))


@case("server cursor, fetchone")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await declared(connection)
    await cut()
    await done(cursor.fetchone())


@case("server cursor, fetchmany")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await declared(connection)
    await cut()
    await done(cursor.fetchmany(10))


@case("server cursor, fetchall")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await declared(connection)
    await cut()
    await done(cursor.fetchall())


@case("server cursor, iterated")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await declared(connection)
    await cut()
    await drain(cursor)


@case("server cursor, scroll")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await declared(connection, scrollable=True)
    await cut()
    await done(cursor.scroll(5))


@case("server cursor, close")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await declared(connection)
    await cut()
    await done(cursor.close())


# Pipelines


@case("pipeline, fetched", autocommit=True)
async def _(connection: Any, cut: Cut) -> None:
    cursor = connection.cursor()
    async with inside(connection.pipeline()):
        await done(cursor.execute("SELECT 1"))
        await cut()
        await done(cursor.fetchone())


@case("pipeline, sync", autocommit=True)
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.pipeline()) as pipeline:
        await done(connection.execute("SELECT 1"))
        await cut()
        await done(pipeline.sync())


@case("pipeline, left", autocommit=True)
async def _(connection: Any, cut: Cut) -> None:
    async with inside(connection.pipeline()):
        await cut()
        await done(connection.execute("SELECT 1"))


# Characteristics of transactions: psycopg asks the server when a pipeline is open


def characteristic(name: str, value: Any) -> None:
    @case(f"connection.set_{name}", autocommit=True)
    async def _(connection: Any, cut: Cut) -> None:
        async with inside(connection.pipeline()):
            await cut()
            await done(getattr(connection, f"set_{name}")(value))


characteristic("autocommit", False)
characteristic("read_only", True)
characteristic("isolation_level", psycopg.IsolationLevel.SERIALIZABLE)
characteristic("deferrable", True)


# Two-phase commit


async def begun(connection: Any) -> Any:
    xid = connection.xid(42, f"under fire {id(connection)}", "branch")
    await done(connection.tpc_begin(xid))
    await done(connection.execute("SELECT 1"))
    return xid


@case("tpc_prepare")
async def _(connection: Any, cut: Cut) -> None:
    await begun(connection)
    await cut()
    await done(connection.tpc_prepare())


@case("tpc_commit")
async def _(connection: Any, cut: Cut) -> None:
    await begun(connection)
    await cut()
    await done(connection.tpc_commit())


@case("tpc_rollback")
async def _(connection: Any, cut: Cut) -> None:
    await begun(connection)
    await cut()
    await done(connection.tpc_rollback())


@case("tpc_commit, second phase", unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    xid = await begun(connection)
    await done(connection.tpc_prepare())
    await done(connection.tpc_commit())
    await cut()
    await done(connection.tpc_commit(xid))


@case("tpc_rollback, second phase", unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    xid = await begun(connection)
    await done(connection.tpc_prepare())
    await done(connection.tpc_commit())
    await cut()
    await done(connection.tpc_rollback(xid))


@case("tpc_recover", autocommit=True, unknown=False)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    await done(connection.tpc_recover())
