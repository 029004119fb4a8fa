"""What a program sees of MySQL's asyncio drivers is the same with this driver in between."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.support import administrate, fresh_table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

    Scenario = Callable[[Any, Any], Coroutine[Any, Any, Any]]

TWO_ROWS = "SELECT 1 AS a, 'x' AS b UNION SELECT 2, NULL"
PROCEDURE = "CREATE PROCEDURE app.twice(IN a INT, OUT b INT) BEGIN SELECT a, 1; SET b = a * 2; SELECT 'second'; END"

CONNECTOR: dict[str, Scenario] = {}
AIOMYSQL: dict[str, Scenario] = {}


def connector(scenario: Scenario) -> Scenario:
    CONNECTOR[scenario.__name__] = scenario
    return scenario


def aiomysql(scenario: Scenario) -> Scenario:
    AIOMYSQL[scenario.__name__] = scenario
    return scenario


async def seen(call: Awaitable[Any]) -> Any:
    """Return what a call returns, or how it fails."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return type(error).__name__, error.args


async def each_of(cursor: Any) -> list[Any]:
    found = [await cursor.fetchall()]
    while await cursor.nextset():
        found.append(await cursor.fetchall())
    return found


async def of_kind(connection: Any, **kind: Any) -> Any:
    cursor = await connection.cursor(**kind)
    await cursor.execute(TWO_ROWS)
    first = await cursor.fetchone()
    return first, await cursor.fetchall(), await cursor.fetchone(), cursor.rowcount, cursor.column_names


@connector
async def kinds_of_cursors(connection: Any, _: Any) -> Any:
    choices = ("buffered", "dictionary", "raw", "prepared", "named_tuple")
    kinds: list[dict[str, bool]] = [{}, *({name: True} for name in choices), {"buffered": True, "dictionary": True}]
    return [await seen(of_kind(connection, **kind)) for kind in kinds]


@connector
async def a_procedure(connection: Any, _: Any) -> Any:
    async with await connection.cursor() as cursor:
        result = await cursor.callproc("app.twice", (3, 0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = cursor.stored_results()
        return result, [await each.fetchall() for each in stored]


@connector
async def several_results(connection: Any, _: Any) -> Any:
    cursor = await connection.cursor(buffered=True)
    await cursor.execute("SELECT 1; SELECT 2, 3; DO 1", map_results=True)
    return await each_of(cursor)


@connector
async def several_results_as_sets(connection: Any, _: Any) -> Any:
    cursor = await connection.cursor()
    await cursor.execute("SELECT 1; SELECT 2, 3")
    return [result async for result in cursor.fetchsets()]


@connector
async def statements_below_the_cursors(connection: Any, _: Any) -> Any:
    answers = [answer async for answer in connection.cmd_query_iter("SET @a = 1; SET @b = 2")]
    return len(answers), await connection.info_query("SELECT @a, @b"), type(await connection.cmd_ping()).__name__


@connector
async def rows_that_nobody_has_read(connection: Any, _: Any) -> Any:
    cursor = await connection.cursor()
    await cursor.execute(TWO_ROWS)

    async def another() -> None:
        await (await connection.cursor()).execute("SELECT 1")

    refused = await seen(another())
    return refused, await seen(connection.commit()), await cursor.fetchall(), connection.unread_result


@connector
async def properties(connection: Any, _: Any) -> Any:
    await connection.set_time_zone("+01:00")
    await connection.set_charset_collation("latin1")
    await connection.set_database("mysql")
    told = [await getattr(connection, f"get_{name}")() for name in ("database", "time_zone", "sql_mode", "autocommit")]

    async def refused() -> Any:
        return connection.database

    return told, connection.charset, connection.collation, await seen(refused())


@connector
async def a_transaction(connection: Any, table: str) -> Any:
    seen_before = connection.in_transaction
    cursor = await connection.cursor()
    await cursor.execute("START TRANSACTION")
    await cursor.executemany(f"INSERT INTO {table} (id, t) VALUES (%s, %s)", [(1, "a"), (2, "b")])
    inserted = cursor.rowcount, cursor.lastrowid, connection.in_transaction
    await connection.rollback()
    await cursor.execute(f"SELECT COUNT(*) FROM {table}")
    return seen_before, inserted, connection.in_transaction, await cursor.fetchall()


@connector
async def errors(connection: Any, table: str) -> Any:
    cursor = await connection.cursor()
    statements = ("SELEC", "SELECT * FROM nowhere.nothing", f"INSERT INTO {table} VALUES (1, 'a'), (1, 'b')")
    failures = [await seen(cursor.execute(statement)) for statement in statements]
    await cursor.close()
    return failures, await seen(cursor.execute("SELECT 1")), await seen(cursor.fetchone())


@connector
async def the_end(connection: Any, _: Any) -> Any:
    cursor = await connection.cursor()
    await seen(connection.close())  # up to 8.4 the connector may fail here, in a loop over its cursors
    return await seen(cursor.execute("SELECT 1"))


async def with_class(connection: Any, *classes: Any) -> Any:
    async with connection.cursor(*classes) as cursor:
        number = await cursor.execute(TWO_ROWS + " -- %s", (1,))
        first = await cursor.fetchone()
        many = await cursor.fetchmany(5)
        return number, first, many, await cursor.fetchall(), cursor.rowcount, cursor.description


@aiomysql
async def classes_of_cursors(connection: Any, _: Any) -> Any:
    import aiomysql as driver

    classes: list[tuple[Any, ...]] = [(), (driver.DictCursor,), (driver.SSCursor,), (driver.SSDictCursor,)]
    classes.append((driver.DictCursor, driver.cursors.DeserializationCursor))
    return [await seen(with_class(connection, *chosen)) for chosen in classes]


@aiomysql
async def iteration_and_scrolling(connection: Any, _: Any) -> Any:
    import aiomysql as driver

    found = []
    for cursor_class in (driver.Cursor, driver.SSCursor):
        cursor = await connection.cursor(cursor_class)
        await cursor.execute(TWO_ROWS)
        await cursor.scroll(1)
        found.append([row async for row in cursor])
    return found


@aiomysql
async def numbers_of_rows(connection: Any, table: str) -> Any:
    cursor = await connection.cursor()
    inserted = await cursor.executemany(f"INSERT INTO {table} (id, t) VALUES (%s, %s)", [(1, "a"), (2, "b")])
    updated = await cursor.execute(f"UPDATE {table} SET t = 'c' WHERE id = %s", (1,))
    query = await connection.query(f"DELETE FROM {table}")
    return inserted, updated, query, connection.affected_rows(), cursor.mogrify("SELECT %s", ("a'",))


@aiomysql
async def procedures_and_several_results(connection: Any, _: Any) -> Any:
    cursor = await connection.cursor()
    result = await cursor.callproc("app.twice", (3, 0))
    called = await each_of(cursor)
    await cursor.execute("SELECT 1; SELECT 2, 3")
    return result, called, await each_of(cursor)


@aiomysql
async def settings_of_the_connection(connection: Any, _: Any) -> Any:
    before = connection.get_autocommit() == 1, connection.get_transaction_status()
    await connection.autocommit(False)
    await connection.begin()
    inside = connection.get_autocommit() == 1, connection.get_transaction_status()
    await connection.rollback()
    await connection.set_charset("latin1")
    await connection.select_db("mysql")
    await connection.ping()
    cursor = await connection.cursor()
    await cursor.execute("SELECT DATABASE()")
    warned = await connection.show_warnings()
    names = ("charset", "encoding", "user", "port", "closed", "echo")
    return before, inside, warned, await cursor.fetchall(), [getattr(connection, name) for name in names]


@aiomysql
async def failures(connection: Any, table: str) -> Any:
    cursor = await connection.cursor()
    statements = ("SELEC", "SELECT * FROM nowhere.nothing", f"INSERT INTO {table} VALUES (1, 'a'), (1, 'b')")
    found = [await seen(cursor.execute(statement)) for statement in statements]
    await cursor.close()
    return found, await seen(cursor.execute("SELECT 1"))


@aiomysql
async def plain_close(connection: Any, _: Any) -> Any:
    cursor = await connection.cursor()
    connection.close()
    closed = connection.closed
    connection.close()
    return closed, await seen(cursor.execute("SELECT 1")), await seen(connection.ensure_closed())


@pytest.fixture
def table(cluster: LocalCluster) -> Iterator[str]:
    administrate(cluster, "DROP PROCEDURE IF EXISTS app.twice", PROCEDURE)
    yield fresh_table(cluster, "paired", "id INT PRIMARY KEY, t TEXT")
    release_resources()


def both(cluster: LocalCluster, driver: Driver, table: str, scenario: Scenario) -> tuple[Any, Any]:
    """Return what a scenario sees of the driver itself, be it that this version cannot do it, and through ours."""
    at: dict[str, Any] = {"host": cluster.writer.host, "port": cluster.port}
    settings = {**at, "user": cluster.user, "password": cluster.password}
    database = {"db": cluster.database} if driver.name == "aiomysql" else {"database": cluster.database}

    async def play() -> tuple[Any, Any]:
        bare = await driver.connect(**settings, **database, autocommit=True)
        expected = await seen(scenario(bare, table))
        await _close(bare)
        ours = await AsyncAwsWrapperConnection.connect(driver.connect, **settings, **database, autocommit=True)
        found = await seen(scenario(ours, table))
        await ours.close()
        return expected, found

    return asyncio.run(play())


async def _close(bare: Any) -> None:
    ending = bare.close()
    if ending is not None:
        with suppress(OSError, RuntimeError):  # what the connector may raise there up to 8.4
            await ending


@pytest.mark.drivers("mysql-aio")
@pytest.mark.parametrize("name", CONNECTOR)
def test_the_connector_is_seen_as_it_is(cluster: LocalCluster, driver: Driver, table: str, name: str) -> None:
    expected, found = both(cluster, driver, table, CONNECTOR[name])
    assert found == expected


@pytest.mark.drivers("aiomysql")
@pytest.mark.parametrize("name", AIOMYSQL)
def test_aiomysql_is_seen_as_it_is(cluster: LocalCluster, driver: Driver, table: str, name: str) -> None:
    expected, found = both(cluster, driver, table, AIOMYSQL[name])
    assert found == expected
