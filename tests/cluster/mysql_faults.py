"""Methods of MySQL's drivers that touch the network, each up to the moment at which the wire is cut in the middle.

Written once for all drivers that have the method; `ELSEWHERE` are those that cannot be met by a silent server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from cluster.faults import TABLE, Case, Cut, done, drain
from cluster.support import package_of

C, PURE, AIO, AIOMYSQL = "mysql-c", "mysql-pure", "mysql-aio", "aiomysql"
BLOCKING = (C, PURE)
CONNECTOR = (*BLOCKING, AIO)
EVERY = (*CONNECTOR, AIOMYSQL)

MYSQL_TABLE = TABLE.removeprefix("public.")
INSERT = f"INSERT INTO {MYSQL_TABLE} VALUES (1)"
# More than all buffers on the way hold.
MANY = "SELECT REPEAT('x', 1000) FROM information_schema.collations one, information_schema.collations other"
STATEMENTS = "SELECT 1; SELECT SLEEP(600)"

ELSEWHERE = {
    "__next__": "is what goes through rows",
    "__anext__": "is what goes through rows",
    "close": "says farewell and waits for nothing",
    "cmd_process_info": "is no more",
    "cmd_quit": "says farewell and waits for nothing",
    "cmd_shutdown": "would end the server",
    "cmd_stmt_close": "is not answered",
    "cmd_stmt_fetch": "is not answered",
    "cmd_stmt_send_long_data": "is not answered",
    "connect": "opens another connection",
    "disconnect": "says farewell and waits for nothing",
    "fetchwarnings": "reads on the client",
    "get_autocommit": "reads what the server has said last",
    "get_self": "asks nobody, but is refused once the connection is lost",
    "handle_unread_result": "is what consume_results and cursors use",
    "reconnect": "opens another connection",
    "shutdown": "says nothing at all",
    "stored_results": "reads on the client",
}

NOT_IMPLEMENTED = {C: {"cmd_debug", "cmd_ping", "cmd_query_iter"}}
"""What is there only to be refused, by driver."""

MYSQL_CASES: list[tuple[tuple[str, ...], Case]] = []

Play = Callable[[Any, Cut], Awaitable[None]]


def cases_of(driver: str) -> list[Case]:
    """Return the cases of a driver, by its name."""
    return [case for drivers, case in MYSQL_CASES if driver in drivers]


def case(
    name: str, drivers: tuple[str, ...] = EVERY, *, autocommit: bool = True, unknown: bool = False
) -> Callable[[Play], None]:
    def add(play: Play) -> None:
        MYSQL_CASES.append((drivers, Case(name, play, autocommit, unknown)))

    return add


def call(name: str, *arguments: Any, drivers: tuple[str, ...] = EVERY, **options: Any) -> None:
    """Add the call of a connection's method that is asked for nothing before."""

    @case(f"connection.{name}", drivers)
    async def _(connection: Any, cut: Cut) -> None:
        await cut()
        await done(getattr(connection, name)(*arguments, **options))


async def inserted(connection: Any) -> Any:
    """Begin a transaction, and return the cursor that did."""
    cursor = await done(connection.cursor())
    await done(cursor.execute(INSERT))
    return cursor


async def streaming(connection: Any) -> Any:
    """Return a cursor of which most rows are still at the server."""
    unbuffered = [import_module(AIOMYSQL).SSCursor] if package_of(connection) == AIOMYSQL else []
    cursor = await done(connection.cursor(*unbuffered))
    await done(cursor.execute(MANY))
    assert await done(cursor.fetchone())
    return cursor


async def queried(connection: Any) -> None:
    """Have the server send many rows, without a cursor."""
    await done(connection.cmd_query(MANY))


async def next_call(connection: Any) -> None:
    """Do what tells of a loss of which the driver has said nothing."""
    cursor = await done(connection.cursor())
    await done(cursor.execute("SELECT 1"))


# Cursors


@case("connection.cursor", BLOCKING)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    connection.cursor()


@case("connection.cursor, which asks nobody", (AIO,))
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    await (await connection.cursor()).execute("SELECT 1")


@case("cursor.execute")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await cut()
    await done(cursor.execute("SELECT 1"))


@case("cursor.execute, first in a transaction", autocommit=False)
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await cut()
    await done(cursor.execute(INSERT))


@case("cursor.execute, in a transaction", autocommit=False, unknown=True)
async def _(connection: Any, cut: Cut) -> None:
    cursor = await inserted(connection)
    await cut()
    await done(cursor.execute(INSERT))


@case("cursor.execute, to be prepared", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor(prepared=True))
    await cut()
    await done(cursor.execute("SELECT %s", (1,)))


@case("cursor.execute, prepared", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor(prepared=True))
    await done(cursor.execute("SELECT %s", (1,)))
    await done(cursor.fetchall())
    await cut()
    await done(cursor.execute("SELECT %s", (2,)))


@case("cursor.execute, buffered", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor(buffered=True))
    await cut()
    await done(cursor.execute("SELECT 1"))


@case("cursor.executemany")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await cut()
    await done(cursor.executemany(f"INSERT INTO {MYSQL_TABLE} VALUES (%s)", [(number,) for number in range(500)]))


@case("cursor.executemulti", (AIO,))
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await cut()
    await done(cursor.executemulti(STATEMENTS))


@case("cursor.callproc")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await cut()
    await done(cursor.callproc("under_fire", (1,)))


@case("cursor.fetchone")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await streaming(connection)
    await cut()
    while await done(cursor.fetchone()):
        pass


@case("cursor.fetchmany")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await streaming(connection)
    await cut()
    while await done(cursor.fetchmany(100)):
        pass


@case("cursor.fetchall")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await streaming(connection)
    await cut()
    await done(cursor.fetchall())


@case("cursor, iterated")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await streaming(connection)
    await cut()
    await drain(cursor)


@case("cursor.fetchall, in a transaction", autocommit=False, unknown=True)
async def _(connection: Any, cut: Cut) -> None:
    await inserted(connection)
    cursor = await streaming(connection)
    await cut()
    await done(cursor.fetchall())


@case("cursor.scroll", (AIOMYSQL,))
async def _(connection: Any, cut: Cut) -> None:
    cursor = await streaming(connection)
    await cut()
    await done(cursor.scroll(80_000))


@case("cursor.close, before all rows are read", (AIOMYSQL,))
async def _(connection: Any, cut: Cut) -> None:
    cursor = await streaming(connection)
    await cut()
    await done(cursor.close())


@case("cursor.nextset")
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await done(cursor.execute(STATEMENTS))
    await done(cursor.fetchall())
    await cut()
    await done(cursor.nextset())


@case("cursor.fetchsets", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor())
    await done(cursor.execute(STATEMENTS))
    await cut()
    await drain(cursor.fetchsets())


@case("cursor.reset, prepared", (C,))
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor(prepared=True))
    await done(cursor.execute("SELECT %s", (1,)))
    await done(cursor.fetchall())
    await cut()
    await done(cursor.reset())


@case("cursor.reset, prepared and not answered", (PURE, AIO))
async def _(connection: Any, cut: Cut) -> None:
    cursor = await done(connection.cursor(prepared=True))
    await done(cursor.execute("SELECT %s", (1,)))
    await done(cursor.fetchall())
    await cut()
    await done(cursor.reset())
    await next_call(connection)


# Transactions


@case("connection.commit", autocommit=False, unknown=True)
async def _(connection: Any, cut: Cut) -> None:
    await inserted(connection)
    await cut()
    await done(connection.commit())


@case("connection.commit, without a transaction", autocommit=False)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    await done(connection.commit())


@case("connection.rollback", autocommit=False, unknown=True)
async def _(connection: Any, cut: Cut) -> None:
    await inserted(connection)
    await cut()
    await done(connection.rollback())


call("start_transaction", drivers=CONNECTOR)
call("begin", drivers=(AIOMYSQL,))


# What a session is asked for, and what is set for it


def setting(name: str, value: Any) -> None:
    @case(f"connection.{name}, read", BLOCKING)
    async def _(connection: Any, cut: Cut) -> None:
        await cut()
        getattr(connection, name)

    @case(f"connection.{name}, set", BLOCKING)
    async def _(connection: Any, cut: Cut) -> None:
        await cut()
        setattr(connection, name, value)

    if name != "autocommit":  # which is known without asking
        call(f"get_{name}", drivers=(AIO,))
    call(f"set_{name}", value, drivers=(AIO,))


setting("autocommit", False)
setting("database", "information_schema")
setting("time_zone", "+01:00")
setting("sql_mode", "ANSI")
call("autocommit", False, drivers=(AIOMYSQL,))
call("select_db", "information_schema", drivers=(AIOMYSQL,))
call("set_charset", "latin1", drivers=(AIOMYSQL,))
call("set_charset_collation", "latin1", drivers=CONNECTOR)
call("set_isolation_level", "SERIALIZABLE", drivers=(AIO, AIOMYSQL))
call("reset_session", drivers=CONNECTOR)


@case("connection.isolation_level, set", BLOCKING)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    connection.isolation_level = "SERIALIZABLE"


# Questions


call("ping", drivers=CONNECTOR)
call("ping", False, drivers=(AIOMYSQL,))
call("kill", 0, drivers=(AIOMYSQL,))
call("query", "SELECT 1", drivers=(AIOMYSQL,))
call("show_warnings", drivers=(AIOMYSQL,))
call("info_query", "SELECT 1", drivers=CONNECTOR)
call("cmd_query", "SELECT 1", drivers=CONNECTOR)
call("cmd_init_db", "information_schema", drivers=CONNECTOR)
call("cmd_refresh", 1, drivers=CONNECTOR)
call("cmd_process_kill", 1_000_000_000, drivers=CONNECTOR)
call("cmd_stmt_prepare", b"SELECT 1", drivers=CONNECTOR)
call("cmd_statistics", drivers=CONNECTOR)
call("cmd_debug", drivers=(PURE, AIO))
call("cmd_ping", drivers=(PURE, AIO))


@case("connection.is_connected", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    assert not await done(connection.is_connected())
    await next_call(connection)


@case("connection.cmd_reset_connection", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    await cut()
    assert not await done(connection.cmd_reset_connection())
    await next_call(connection)


@case("connection.cmd_change_user", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    user, password = connection.target_connection._user, connection.target_connection._password
    await cut()
    await done(connection.cmd_change_user(user, password))


@case("connection.cmd_query_iter", (PURE, AIO))
async def _(connection: Any, cut: Cut) -> None:
    results = connection.cmd_query_iter(STATEMENTS)
    await cut()
    await drain(results)


@case("connection.get_row", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    await queried(connection)
    await cut()
    while (await done(connection.get_row()))[0]:
        pass


@case("connection.get_rows", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    await queried(connection)
    await cut()
    await done(connection.get_rows())


@case("connection.consume_results", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    await queried(connection)
    await cut()
    await done(connection.consume_results())
    await next_call(connection)


@case("connection.free_result", (C,))
async def _(connection: Any, cut: Cut) -> None:
    await queried(connection)
    await cut()
    await done(connection.free_result())
    await next_call(connection)


@case("connection.next_result", (C,))
async def _(connection: Any, cut: Cut) -> None:
    await done(connection.cmd_query(STATEMENTS))
    await done(connection.get_rows())
    await cut()
    await done(connection.next_result())


@case("connection.next_result", (AIOMYSQL,))
async def _(connection: Any, cut: Cut) -> None:
    await connection.query(STATEMENTS)
    await cut()
    await connection.next_result()


async def prepared(connection: Any) -> Any:
    """Have the server prepare a statement, and return what its connection knows it by."""
    statement = await done(connection.cmd_stmt_prepare(b"SELECT 1"))
    return statement["statement_id"] if isinstance(statement, dict) else statement


@case("connection.cmd_stmt_execute", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    statement = await prepared(connection)
    await cut()
    await done(connection.cmd_stmt_execute(statement))


@case("connection.cmd_stmt_reset", CONNECTOR)
async def _(connection: Any, cut: Cut) -> None:
    statement = await prepared(connection)
    await cut()
    await done(connection.cmd_stmt_reset(statement))
