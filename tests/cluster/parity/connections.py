"""A connection's life, attributes and context."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import pickle
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq, rows, sql
from psycopg.adapt import AdaptersMap

if TYPE_CHECKING:
    from cluster.parity.sides import Side


def _fail() -> None:
    raise ZeroDivisionError("the program's own")


async def life_and_closing(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    side.note(connection.closed, connection.broken, connection.pgconn.status, connection.fileno() > 0)
    await side.attempt(connection.close)
    await side.attempt(connection.close)
    side.note(connection.closed, connection.broken, connection.pgconn.status)
    for use in (connection.commit, connection.rollback, connection.fileno):
        await side.attempt(use)
    await side.attempt(cursor.execute, "SELECT 1")
    await side.attempt(connection.execute, "SELECT 1")
    await side.attempt(cursor.fetchone)


async def kinds_and_identity(side: Side) -> None:
    connection = await side.connect()
    other = await side.connect()
    cursor = connection.cursor()
    side.note(isinstance(connection, side.drivers_class), isinstance(connection, psycopg.BaseConnection))
    side.note(cursor.connection is connection, connection.connection is connection, connection == other)
    side.note(weakref.ref(connection)() is connection, hash(connection) == hash(connection), bool(connection))
    side.note(len({connection, connection, other}))
    side.note(issubclass(connection.__class__, side.drivers_class), callable(connection), connection.__class__.__name__)


async def every_public_name_is_there(side: Side) -> None:
    connection = await side.connect()
    for thing in (connection, connection.cursor(), side.cursor(connection, "named")):
        names = [name for name in dir(thing.__class__) if not name.startswith("_")]
        side.note([(name, hasattr(thing, name), callable(getattr(thing, name, None))) for name in names])
        side.note(set(names) <= set(dir(thing)))
    await side.attempt(getattr, connection, "nonsense")


async def pickling_is_refused(side: Side) -> None:
    connection = await side.connect()
    for thing in (connection, connection.cursor()):
        for do in (pickle.dumps, copy.deepcopy):
            with contextlib.suppress(TypeError):  # the texts differ
                do(thing)
                side.note(do, "is possible")
    side.note("seen")


async def its_text_names_the_state(side: Side) -> None:
    connection = await side.connect()
    side.note("[IDLE]" in str(connection))
    await side.call(connection.execute, "SELECT 1")
    side.note("[INTRANS]" in repr(connection))
    await side.call(connection.close)
    side.note("[BAD]" in str(connection))


async def information(side: Side) -> None:
    connection = await side.connect(application_name="parity")
    info = connection.info
    side.note(info.vendor, info.user, info.dbname, info.status, info.transaction_status, info.pipeline_status)
    side.note(info.encoding, info.timezone, info.server_version, info.parameter_status("application_name"))
    side.note(info.error_message, info.backend_pid > 0, info.get_parameters()["application_name"])
    side.note(connection.pgconn.transaction_status, connection.prepare_threshold, connection.prepared_max)


async def begins_when_needed(side: Side) -> None:
    connection = await side.connect()
    for statement in ("SELECT 1", "meh", "SELECT 2"):
        await side.attempt(side.rows, connection, statement)
        side.note(connection.info.transaction_status)
    await side.attempt(connection.commit)
    side.note(connection.info.transaction_status)
    await side.attempt(side.rows, connection, "SELECT 3")
    await side.attempt(connection.rollback)
    await side.attempt(connection.rollback)
    side.note(connection.info.transaction_status)


async def autocommit(side: Side) -> None:
    connection = await side.connect()
    for value in (True, "", "yes", 0, 1):
        await side.set(connection, "autocommit", value)
        side.note(connection.autocommit)
        await side.attempt(side.rows, connection, "SELECT 1")
        side.note(connection.info.transaction_status)
        await side.call(connection.rollback)
    await side.set(connection, "autocommit", False)
    await side.call(connection.execute, "SELECT 1")
    await side.attempt(side.set, connection, "autocommit", True)
    side.note(connection.autocommit)
    await side.call(connection.close)
    await side.attempt(side.set, connection, "autocommit", True)
    given = await side.connect(autocommit=True)
    side.note(given.autocommit)


SETTINGS: dict[str, list[Any]] = {
    "isolation_level": [*psycopg.IsolationLevel, None, 4],
    "read_only": [True, False, None, 1],
    "deferrable": [True, False, None, 0],
}


async def transaction_settings(side: Side) -> None:
    connection = await side.connect()
    for name, values in SETTINGS.items():
        setting = "transaction_" + name.replace("_level", "")
        for value in values:
            await side.attempt(side.set, connection, name, value)
            side.note(getattr(connection, name))
            await side.attempt(side.rows, connection, f"SELECT current_setting('{setting}')")
            await side.attempt(side.set, connection, name, value)
            await side.call(connection.rollback)
            async with side.within(connection.transaction()):
                await side.attempt(side.rows, connection, f"SELECT current_setting('{setting}')")
                await side.attempt(side.set, connection, name, value)
    for value in ("asdf", 0, 5):
        await side.attempt(side.set, connection, "isolation_level", value)


async def methods_that_set(side: Side) -> None:
    connection = await side.connect()
    for name in ("autocommit", "isolation_level", "read_only", "deferrable"):
        if not hasattr(side.drivers_class, f"set_{name}"):
            continue  # psycopg 3.1, where this driver has some of them
        setter = getattr(connection, f"set_{name}")
        await side.attempt(setter, 1)
        side.note(getattr(connection, name))
        await side.attempt(setter, value=0 if name != "isolation_level" else 4)
        side.note(getattr(connection, name))


async def setting_directly(side: Side) -> None:
    connection = await side.connect()
    for name in ("autocommit", "isolation_level", "read_only", "deferrable"):
        await side.attempt(setattr, connection, name, 1)
        side.note(getattr(connection, name))


async def attributes_of_the_programs_own(side: Side) -> None:
    connection = await side.connect()
    connection.mine = 7
    side.note(connection.mine, hasattr(connection, "theirs"))
    del connection.mine
    await side.attempt(getattr, connection, "mine")
    await side.attempt(setattr, connection, "closed", True)
    await side.attempt(setattr, connection, "info", True)
    connection.prepare_threshold, connection.prepared_max = None, 3
    side.note(connection.prepare_threshold, connection.prepared_max)


async def a_block_commits(side: Side) -> None:
    connection = await side.connect()
    async with side.within(connection) as same:
        side.note(same is connection)
        await side.call(connection.execute, "DROP TABLE IF EXISTS parity_block")
        await side.call(connection.execute, "CREATE TABLE parity_block ()")
    side.note(connection.closed, connection.broken)
    await side.attempt(side.rows, await side.connect(), "SELECT * FROM parity_block")


async def a_block_rolls_back(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection):
        await side.call(connection.execute, "CREATE TABLE parity_rolled_back ()")
        _fail()
    side.note(connection.closed)
    await side.attempt(side.rows, await side.connect(), "SELECT * FROM parity_rolled_back")


async def a_block_closed_inside(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection):
        await side.call(connection.execute, "SELECT 1")
        await side.call(connection.close)
    async with side.noting_errors(), side.within(connection):
        pass
    side.note(connection.closed)


async def a_block_whose_commit_is_refused(side: Side) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection):
        await side.call(
            connection.execute,
            "CREATE TEMP TABLE selfref (x serial PRIMARY KEY, "
            "y int REFERENCES selfref (x) DEFERRABLE INITIALLY DEFERRED); INSERT INTO selfref (y) VALUES (-1)",
        )
    side.note(connection.closed, connection.info.transaction_status)


async def a_block_that_cannot_roll_back(side: Side) -> None:
    connection = await side.connect()
    with side.log() as records:
        async with side.noting_errors(), side.within(connection):
            connection.pgconn.exec_(b"COPY (SELECT generate_series(1, 10)) TO stdout")
            _fail()
    side.note([(record.levelname, "in rollback" in record.getMessage()) for record in records])
    side.note(connection.closed)


async def a_connection_that_is_dropped_warns(side: Side) -> None:
    for statement in (None, "SELECT 1", "meh"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            connection: Any = await side.result(_dropped(side))
            if statement:
                with contextlib.suppress(psycopg.Error):
                    await side.call(connection.execute, statement)
            seen = weakref.ref(connection)
            del connection
            gc.collect()
        side.note([warning.category for warning in caught], seen() is None)


async def _dropped(side: Side) -> Any:
    """Open a connection that nobody closes; the adapter's cache of `plugins` is no matter here."""
    if side.is_bare:
        return await side.result(side.drivers_class.connect(side.conninfo))
    target = side.drivers_class.connect
    return await side.result(side.connection_class.connect(target, side.conninfo, **side.parameters))


async def it_is_freed_at_once(side: Side) -> None:
    gc.disable()
    try:
        connection: Any = await _dropped(side)
        async with side.within(connection.transaction()), side.within(connection.cursor()) as cursor:
            await side.call(cursor.execute, "SELECT 1")
            async with side.within(cursor.copy("COPY (SELECT 1) TO stdout")) as copied:
                while await side.call(copied.read):
                    pass
        del cursor, copied
        await side.call(connection.close)
        seen = weakref.ref(connection)
        del connection
        side.note(seen() is None)
    finally:
        gc.enable()


async def notices(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    texts: list[Any] = []

    def keep(diagnostic: Any) -> None:
        texts.append((diagnostic.severity_nonlocalized, diagnostic.message_primary))

    connection.add_notice_handler(keep)
    await side.call(connection.execute, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    connection.remove_notice_handler(keep)
    await side.call(connection.execute, "DO $$ BEGIN RAISE NOTICE 'again'; END $$")
    side.note(texts)
    await side.attempt(connection.remove_notice_handler, keep)


async def notifications(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    seen: list[Any] = []

    def keep(notification: Any) -> None:
        seen.append((notification.channel, notification.payload))

    connection.add_notify_handler(keep)
    await side.call(connection.execute, "LISTEN parity")
    await side.call(connection.execute, "NOTIFY parity, 'one'")
    connection.remove_notify_handler(keep)
    await side.attempt(connection.remove_notify_handler, keep)
    side.note(seen)
    await side.call(connection.execute, "NOTIFY parity, 'two'")
    await side.call(connection.execute, "NOTIFY parity, 'three'")
    generator = connection.notifies(timeout=0.5, stop_after=2)
    side.note(inspect.isgenerator(generator), inspect.isasyncgen(generator))
    side.note([(notification.channel, notification.payload) async for notification in side.each(generator)])
    side.note([notification async for notification in side.each(connection.notifies(timeout=0))])
    await side.attempt(connection.notifies, nonsense=1)
    await side.attempt(side.rows, connection, "SELECT 1")


async def notifications_left_early(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    await side.call(connection.execute, "LISTEN parity")
    for payload in "abc":
        await side.call(connection.execute, f"NOTIFY parity, '{payload}'")
    generator = connection.notifies(timeout=2)
    async for notification in side.each(generator):
        side.note(notification.payload)
        await side.call(generator.aclose if side.asynchronous else generator.close)
        break
    await side.attempt(side.rows, connection, "SELECT 1")
    side.note([n.payload async for n in side.each(connection.notifies(timeout=0))])


async def executing_on_the_connection(side: Side) -> None:
    connection = await side.connect()
    await side.attempt(side.rows, connection, "SELECT %s, %s", [10, 20])
    await side.attempt(side.rows, connection, "SELECT %(a)s", {"a": 1})
    await side.attempt(side.rows, connection, query="SELECT %s", params=[1], prepare=True)
    cursor = await side.call(connection.execute, "SELECT %s", [1], binary=True)
    side.note(cursor.format, cursor.pgresult.fformat(0), isinstance(cursor, connection.cursor_factory))
    await side.attempt(connection.execute, "SELECT 1", nonsense=1)
    await side.attempt(connection.execute, "SELECT %s", [])


async def factories(side: Side) -> None:
    class Named(psycopg.ClientCursor[Any]):
        pass

    class AsyncNamed(psycopg.AsyncClientCursor[Any]):
        pass

    factory: Any = AsyncNamed if side.asynchronous else Named
    connection = await side.connect(row_factory=rows.dict_row, cursor_factory=factory)
    side.note(connection.row_factory is rows.dict_row, connection.cursor_factory is factory)
    await side.attempt(side.rows, connection, "SELECT 1 AS a")
    side.note(isinstance(connection.cursor(), factory), isinstance(side.cursor(connection, "n"), factory))
    side.note(isinstance(await side.call(connection.execute, "SELECT 1"), factory))
    connection.row_factory = rows.scalar_row
    await side.attempt(side.rows, connection, "SELECT 1 AS a")
    connection.cursor_factory = psycopg.AsyncCursor if side.asynchronous else psycopg.Cursor
    side.note(isinstance(connection.cursor(), factory))
    await side.attempt(connection.cursor, nonsense=1)
    side.note(side.cursor(connection, "n", row_factory=rows.tuple_row, scrollable=True, withhold=True).scrollable)


async def contexts_for_adapters(side: Side) -> None:
    context = AdaptersMap(psycopg.adapters)
    context.register_loader("int4", _Doubled)
    first = await side.connect(context=context)
    await side.attempt(side.rows, first, "SELECT 21")
    second = await side.connect(context=first)
    await side.attempt(side.rows, second, "SELECT 21")
    third = await side.connect()
    third.adapters.register_loader("int4", _Doubled)
    await side.attempt(side.rows, third, "SELECT 21")
    side.note(sql.Literal(b"x").as_string(third), sql.Identifier("a b").as_string(third))
    side.note(sql.SQL("{}").format("it's").as_bytes(third), sql.quote("x'", third))


class _Doubled(psycopg.adapt.Loader):
    def load(self, data: Any) -> int:
        return 2 * int(bytes(data))


async def a_class_of_the_programs_own(side: Side) -> None:
    class Mine(psycopg.Connection[Any]):
        greeting = "hello"

        def greet(self) -> Any:
            return self.execute("SELECT %s", [self.greeting])

    class AsyncMine(psycopg.AsyncConnection[Any]):
        greeting = "hello"

        async def greet(self) -> Any:
            return await self.execute("SELECT %s", [self.greeting])

    mine: Any = AsyncMine if side.asynchronous else Mine
    connection = await side.connect(mine.connect)
    side.note(isinstance(connection, mine), connection.greeting)
    cursor = await side.call(connection.greet)
    side.note(await side.call(cursor.fetchall), cursor.connection is connection)


async def what_connecting_refuses(side: Side) -> None:
    await side.attempt(side.connect, dbname="nosuchdb")
    await side.attempt(side.connect, password="wrong")
    await side.attempt(side.connect, user="nobody")
    await side.attempt(side.connect, options="-c nonsense=1")


async def cancelling_what_does_not_run(side: Side) -> None:
    connection = await side.connect()
    await side.attempt(connection.cancel)
    await side.attempt(connection.cancel_safe, timeout=5)
    await side.attempt(side.rows, connection, "SELECT 1")
    await side.call(connection.close)
    await side.attempt(connection.cancel)
    await side.attempt(connection.cancel_safe)


async def a_session_the_server_ends(side: Side) -> None:
    connection = await side.connect(autocommit=True)
    await side.attempt(connection.execute, "SELECT pg_terminate_backend(pg_backend_pid())")
    side.note(connection.closed, connection.broken)
    await side.attempt(connection.execute, "SELECT 1")
    await side.attempt(connection.commit)
    await side.call(connection.close)
    side.note(connection.closed, connection.broken)


async def waiting_for_a_generator(side: Side) -> None:
    connection = await side.connect()

    def simple() -> Any:
        connection.pgconn.send_query(b"SELECT 'waited'")
        result = yield from psycopg.generators.execute(connection.pgconn)
        return result[0].get_value(0, 0)

    await side.attempt(connection.wait, simple())
    side.note(connection.pgconn.transaction_status == pq.TransactionStatus.IDLE)


async def adapters_know_the_connection(side: Side) -> None:
    connection = await side.connect()
    cursor = connection.cursor()
    for context in (connection, cursor):
        transformer = psycopg.adapt.Transformer(context)
        side.note(transformer.connection is connection, transformer.adapters is context.adapters)
        dumper = psycopg.types.string.StrDumper(str, context)
        side.note(dumper.connection is connection, dumper.quote("it's"))


async def nothing_is_left_behind(side: Side) -> None:
    counts = []
    for _ in range(4):
        connection = await side.result(_dropped(side))
        async with side.within(connection):
            async with side.within(connection.transaction()), side.within(connection.cursor()) as cursor:
                await side.call(cursor.execute, "SELECT generate_series(1, 3)")
                side.note([row async for row in side.each(cursor)])
                async with side.within(cursor.copy("COPY (SELECT 1) TO stdout")) as copied:
                    side.note([bytes(block) async for block in side.each(copied)])
            async with side.within(connection.pipeline()):
                await side.attempt(side.rows, connection, "SELECT 1")
            side.note([row async for row in side.each(connection.cursor().stream("SELECT 1"))])
        del connection, cursor, copied
        gc.collect()
        counts.append(len([thing for thing in gc.get_objects() if _is_of_a_driver(thing)]))
    side.note(len(set(counts[1:])))


def _is_of_a_driver(thing: Any) -> bool:
    module = str(type(thing).__module__)
    return module.partition(".")[0] == "psycopg" or module.endswith((".wrapper", ".watched", ".session"))
