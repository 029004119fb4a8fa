"""COPY in both directions."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.copy import AsyncCopy, AsyncQueuedLibpqWriter, AsyncWriter, Copy, QueuedLibpqWriter, Writer

if TYPE_CHECKING:
    from cluster.parity.sides import Side

OUT = "COPY (VALUES (1, 'a', NULL), (2, 'b', 'c')) TO stdout"
MANY = "COPY (SELECT generate_series(1, 20000000)) TO stdout"


def _fail() -> None:
    raise ZeroDivisionError("the program's own")


async def _target(side: Side, **options: Any) -> tuple[Any, Any]:
    connection = await side.connect(**options)
    cursor = connection.cursor()
    await side.call(cursor.execute, "CREATE TEMP TABLE copied (n int PRIMARY KEY, data text, more text)")
    return connection, cursor


async def _look(side: Side, connection: Any) -> None:
    side.note(connection.info.transaction_status)
    await side.attempt(side.rows, connection, "SELECT count(*), min(n), max(n), md5(string_agg(data, ',')) FROM copied")


async def what_a_block_gives(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    block = cursor.copy(OUT)
    side.note(block.__class__.__name__, connection.info.transaction_status)
    async with side.within(block) as copy:
        side.note(isinstance(copy, AsyncCopy if side.asynchronous else Copy), "[ACTIVE]" in repr(copy))
        side.note(type(copy).__name__, connection.info.transaction_status)
        while data := await side.attempt(copy.read):
            side.note(bytes(data))
    await side.attempt(copy.read)
    side.note(connection.info.transaction_status, cursor.rowcount, cursor.statusmessage)


async def reading_rows(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    for query in (OUT, f"{OUT} (FORMAT binary)"):
        async with side.within(cursor.copy(query)) as copy:
            copy.set_types(["int4", "text", "text"])
            await side.attempt(copy.read_row)
            side.note([row async for row in side.each(copy.rows())])
            await side.attempt(copy.read_row)
        async with side.within(cursor.copy(query)) as copy:
            side.note([bytes(block) async for block in side.each(copy)])
        async with side.noting_errors(), side.within(cursor.copy(query)) as copy:
            copy.set_types(["int4"])
            await side.call(copy.read_row)
        await side.call(connection.rollback)
    async with side.within(cursor.copy("COPY (SELECT %s::int) TO stdout", [7])) as copy:
        side.note([row async for row in side.each(copy.rows())])


async def writing(side: Side) -> None:
    for form in ("text", "binary"):
        connection, cursor = await _target(side)
        async with side.within(cursor.copy(f"COPY copied FROM stdin (FORMAT {form})")) as copy:
            copy.set_types(["int4", "text", "text"])
            for number in range(5000):
                await side.call(copy.write_row, (number, "some data", None))
        side.note(cursor.rowcount, cursor.statusmessage)
        await _look(side, connection)
    connection, cursor = await _target(side)
    async with side.within(cursor.copy("COPY copied FROM stdin")) as copy:
        for data in ("1\tx\ty\n", b"2\tx\ty\n", bytearray(b"3\tx\ty\n"), memoryview(b"4\tx\ty\n")):
            await side.attempt(copy.write, data)
        await side.attempt(copy.write, buffer="5\tx\ty\n")
        await side.attempt(copy.write_row, row=(6, "x", "y"))
    await _look(side, connection)


async def writing_much(side: Side) -> None:
    connection, cursor = await _target(side)
    async with side.within(cursor.copy("COPY copied FROM stdin")) as copy:
        await side.call(copy.write_row, (1, "x" * 5_000_000, None))
        await side.call(copy.write, b"2\t" + b"y" * 2_000_000 + b"\t\\N\n")
    await _look(side, connection)


async def other_writers(side: Side) -> None:
    connection, cursor = await _target(side)
    await side.call(cursor.execute, "SELECT 1")
    queued: Any = AsyncQueuedLibpqWriter(cursor) if side.asynchronous else QueuedLibpqWriter(cursor)
    async with side.within(cursor.copy("COPY copied FROM stdin", writer=queued)) as copy:
        for number in range(20000):
            await side.call(copy.write_row, (number, "some data", None))
    await _look(side, connection)
    kept = io.BytesIO()

    class Kept(Writer):
        def write(self, data: Any) -> None:
            kept.write(data)

    class AsyncKept(AsyncWriter):
        async def write(self, data: Any) -> None:
            kept.write(data)

    cursor = connection.cursor()
    by_hand: Any = AsyncCopy(cursor, writer=AsyncKept()) if side.asynchronous else Copy(cursor, writer=Kept())
    async with side.within(by_hand) as copy:
        await side.call(copy.write_row, (1, "a\tb", None))
        side.note(copy.cursor is cursor, copy.connection is connection)
    side.note(kept.getvalue())


async def errors_of_the_server(side: Side) -> None:
    connection, cursor = await _target(side)
    await side.call(connection.commit)
    for query, data in (
        ("COPY copied FROM stdin", b"x\ty\tz\n"),
        ("COPY copied FROM stdin", b"1\ta\tb\n1\ta\tb\n"),
        ("COPY nosuchtable FROM stdin", b""),
        ("COPY copied FROM stdin (FORMAT binary)", "text"),
    ):
        async with side.noting_errors(), side.within(cursor.copy(query)) as copy:
            await side.call(copy.write, data)
        side.note(connection.info.transaction_status)
        await side.call(connection.rollback)
    async with (
        side.noting_errors(),
        side.within(cursor.copy("COPY (SELECT 1 / n FROM generate_series(-9, 9) n) TO stdout")) as copy,
    ):
        side.note(len([block async for block in side.each(copy)]))
    await side.call(connection.rollback)
    for query in ("wat", "SELECT 1", "RESET timezone"):
        async with side.noting_errors(), side.within(cursor.copy(query)):
            pass
        await side.call(connection.rollback)
    async with side.noting_errors(), side.within(cursor.copy(f"{OUT}; SELECT 1")) as copy:
        side.note([bytes(block) async for block in side.each(copy)])


async def errors_of_the_program(side: Side) -> None:
    connection, cursor = await _target(side)
    for query in ("COPY copied FROM stdin", MANY):
        await side.call(connection.commit)
        async with side.noting_errors(), side.within(cursor.copy(query)) as copy:
            if query == MANY:
                await side.call(copy.read_row)
            _fail()
        side.note(connection.info.transaction_status)
        await side.call(connection.rollback)
    async with side.noting_errors(), side.within(cursor.copy(MANY)) as copy:
        side.note(await side.call(copy.read_row))
    side.note(connection.info.transaction_status)
    await side.attempt(side.rows, connection, "SELECT 1")
    await side.attempt(cursor.copy)


async def nothing_and_subclasses(side: Side) -> None:
    connection, cursor = await _target(side)
    async with side.within(cursor.copy("COPY copied FROM stdin")):
        pass
    side.note(cursor.rowcount)
    async with side.within(cursor.copy(OUT)) as copy:
        await side.attempt(cursor.fetchone)
        side.note(cursor.pgresult.status, [bytes(block) async for block in side.each(copy)])

    class Doubled(psycopg.types.string.StrDumper):
        def dump(self, obj: str) -> Any:
            return bytes(super().dump(obj) or b"") * 2

    connection.adapters.register_dumper(str, Doubled)
    async with side.within(connection.cursor().copy("COPY copied FROM stdin")) as copy:
        await side.call(copy.write_row, (1, "ab", None))
    await _look(side, connection)


async def closed_inside(side: Side) -> None:
    for query in (MANY, "COPY copied FROM stdin"):
        connection, cursor = await _target(side)
        async with side.noting_errors(), side.within(cursor.copy(query)):
            await side.call(connection.close)
        side.note(connection.closed)
