"""psycopg_pool: connections of this driver in its pools."""

from __future__ import annotations

import gc
import warnings
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg_pool

from cluster.parity.sides import VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluster.parity.sides import Side


def _classes(side: Side) -> list[Any]:
    names = ["ConnectionPool", "NullConnectionPool"]
    return [getattr(psycopg_pool, f"Async{name}" if side.asynchronous else name) for name in names]


@asynccontextmanager
async def _pool(side: Side, pool_class: Any, kwargs: Any = None, **options: Any) -> AsyncIterator[Any]:
    given = {**side.parameters, **(kwargs or {})}
    size = {"min_size": 1, "max_size": 2} if "Null" not in pool_class.__name__ else {"max_size": 2}
    connection_class = options.pop("connection_class", side.connection_class)
    pool = pool_class(side.conninfo, connection_class=connection_class, kwargs=given, open=False, **{**size, **options})
    await side.call(pool.open)
    try:
        yield pool
    finally:
        await side.call(pool.close)


async def lending(side: Side) -> None:
    for pool_class in _classes(side):
        async with _pool(side, pool_class, {"autocommit": True}) as pool:
            async with side.within(pool.connection()) as connection:
                side.note(isinstance(connection, side.drivers_class), connection._pool is pool, connection.autocommit)
                await side.attempt(side.rows, connection, "SELECT 1")
                async with side.within(pool.connection()) as other:
                    side.note(other is connection)
                    await side.attempt(side.rows, other, "SELECT 2")
            side.note(connection._pool, connection.closed)
            stats = pool.get_stats()
            side.note(stats["requests_num"], stats.get("returns_bad", 0), stats.get("connections_num"))
        side.note(connection.closed)


async def one_connection_serves_all(side: Side) -> None:
    async with _pool(side, _classes(side)[0], max_size=1) as pool:
        processes = set()
        for _ in range(5):
            async with side.within(pool.connection()) as connection:
                processes.add(connection.info.backend_pid)
        side.note(len(processes))


async def commits_and_rolls_back(side: Side) -> None:
    async with _pool(side, _classes(side)[0], max_size=1) as pool:
        async with side.within(pool.connection()) as connection:
            await side.call(connection.execute, "CREATE TEMP TABLE pooled (n int)")
        async with side.noting_errors(), side.within(pool.connection()) as connection:
            await side.call(connection.execute, "INSERT INTO pooled VALUES (1)")
            _fail()
        side.note(connection.closed, connection.info.transaction_status)
        async with side.within(pool.connection()) as connection:
            await side.attempt(side.rows, connection, "SELECT n FROM pooled")


async def a_connection_returned_in_a_bad_state(side: Side) -> None:
    for pool_class in _classes(side):
        async with _pool(side, pool_class, max_size=1) as pool:
            for statement in ("SELECT 1", "meh"):
                connection = await side.call(pool.getconn)
                await side.attempt(connection.execute, statement)
                await side.call(pool.putconn, connection)
                async with side.within(pool.connection()) as again:
                    side.note(again.info.transaction_status)
            connection = await side.call(pool.getconn)
            await side.call(connection.close)
            await side.call(pool.putconn, connection)
            async with side.within(pool.connection()) as again:
                await side.attempt(side.rows, again, "SELECT 1")
            side.note(pool.get_stats().get("returns_bad", 0))


async def a_connection_the_server_has_ended(side: Side) -> None:
    check = _classes(side)[0].check_connection
    async with _pool(side, _classes(side)[0], {"autocommit": True}, max_size=1, check=check) as pool:
        async with side.within(pool.connection()) as connection:
            process = connection.info.backend_pid
        await side.rows(await side.connect(), f"SELECT pg_terminate_backend({process}, 5000)")
        async with side.within(pool.connection()) as connection:
            side.note(connection.info.backend_pid != process)
            await side.attempt(side.rows, connection, "SELECT 1")


async def configuring_and_resetting(side: Side) -> None:
    calls: list[str] = []

    async def aconfigure(connection: Any) -> None:
        calls.append("configured")
        await connection.set_autocommit(True)

    def configure(connection: Any) -> None:
        calls.append("configured")
        connection.autocommit = True

    async def areset(connection: Any) -> None:
        calls.append("reset")
        await connection.execute("RESET ALL")

    def reset(connection: Any) -> None:
        calls.append("reset")
        connection.execute("RESET ALL")

    hooks = (
        {"configure": aconfigure, "reset": areset} if side.asynchronous else {"configure": configure, "reset": reset}
    )
    async with _pool(side, _classes(side)[0], max_size=1, **hooks) as pool:
        for _ in range(2):
            async with side.within(pool.connection()) as connection:
                side.note(connection.autocommit)
                await side.call(connection.execute, "SET search_path = nowhere")
            async with side.within(pool.connection()) as connection:
                await side.attempt(side.rows, connection, "SHOW search_path")
    side.note(calls)


async def closing_returns(side: Side) -> None:
    if VERSION < (3, 3):
        return  # the pool takes no connection class but psycopg's own
    async with _pool(side, _classes(side)[0], max_size=1, close_returns=True) as pool:
        connection = await side.call(pool.getconn)
        process = connection.info.backend_pid
        await side.call(connection.close)
        side.note(connection.closed, connection._pool)
        async with side.within(pool.connection()) as again:
            side.note(again is connection, again.info.backend_pid == process)
        async with side.within(await side.call(pool.getconn)) as again:
            await side.attempt(side.rows, again, "SELECT 1")
        side.note(again.closed, again.info.transaction_status)
        await side.call(again.close) if again._pool else None


async def what_pools_refuse(side: Side) -> None:
    pool_class = _classes(side)[0]
    async with _pool(side, pool_class, max_size=1) as pool, _pool(side, pool_class) as other:
        connection = await side.call(pool.getconn)
        for put in (other.putconn, pool.putconn, pool.putconn):
            await _give_back(side, put, connection)
        await _give_back(side, pool.putconn, await side.connect())
        connection = await side.call(pool.getconn)
        try:
            await side.call(pool.getconn, timeout=0.1)
        except psycopg_pool.PoolTimeout as error:
            side.note(error)
        await side.call(pool.putconn, connection)


async def _give_back(side: Side, put: Any, connection: Any) -> None:
    try:
        await side.call(put, connection)
    except ValueError as error:
        side.note(type(error))
    else:
        side.note("taken")


async def unreachable(side: Side) -> None:
    try:
        async with _pool(side, _classes(side)[0], {"dbname": "nosuchdb"}, reconnect_timeout=0.1) as pool:
            await side.call(pool.wait, timeout=1)
    except psycopg_pool.PoolTimeout:
        side.note("timed out")


async def old_connections_are_replaced(side: Side) -> None:
    async with _pool(side, _classes(side)[0], max_size=1, max_lifetime=0.0001) as pool:
        processes = set()
        for _ in range(3):
            async with side.within(pool.connection()) as connection:
                processes.add(connection.info.backend_pid)
        side.note(len(processes) > 1)


async def a_class_of_the_programs_own(side: Side) -> None:
    class Mine(side.connection_class):  # type: ignore[misc,name-defined]
        pass

    async with _pool(side, _classes(side)[0], connection_class=Mine) as pool:
        async with side.within(pool.connection()) as connection:
            side.note(type(connection) is Mine, isinstance(connection, side.drivers_class))
            await side.attempt(side.rows, connection, "SELECT 1")


async def a_pool_that_is_dropped_open(side: Side) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pool = _classes(side)[0](
            side.conninfo, connection_class=side.connection_class, kwargs=side.parameters, min_size=1, open=False
        )
        await side.call(pool.open)
        async with side.within(pool.connection()) as connection:
            kept = weakref.ref(connection)
        del connection
        await side.call(pool.close)
        del pool
        gc.collect()
    side.note([warning.category for warning in caught], kept() is None)


def _fail() -> None:
    raise ZeroDivisionError("the program's own")


async def outside_its_pool(side: Side) -> None:
    connection = await side.connect()
    side.note(hasattr(connection, "pgconn"), getattr(connection, "_pool", None))
    async with side.within(connection):
        pass
    side.note(connection.closed, isinstance(connection, psycopg.BaseConnection))
