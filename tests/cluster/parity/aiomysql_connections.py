"""A connection of aiomysql's."""

from __future__ import annotations

import contextlib
import gc
import pickle
import tempfile
import warnings
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiomysql
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.converters import conversions

from cluster.parity.mysql_sides import a_file, fail, public_names

if TYPE_CHECKING:
    from cluster.parity.mysql_sides import MysqlSide

TOLD = (
    *("host", "port", "user", "db", "unix_socket", "charset", "encoding", "echo", "closed", "client_flag", "sql_mode"),
    *("last_usage", "init_command", "use_unicode", "cursorclass", "autocommit_mode", "_loop", "nonsense"),
)


async def identity(side: MysqlSide) -> None:
    connection = await side.connect()
    other = await side.connect()
    side.note(isinstance(connection, aiomysql.Connection), connection.__class__.__name__, callable(connection))
    side.note(connection == other, bool(connection), len({connection, connection}))
    side.note(weakref.ref(connection)() is connection, connection.thread_id() != other.thread_id())
    for call in ("get_host_info", "get_proto_info", "get_server_info", "character_set_name"):
        await side.attempt(getattr(connection, call))


async def every_public_name_is_there(side: MysqlSide) -> None:
    connection = await side.connect()
    for thing in (connection, await side.call(connection.cursor)):
        names = public_names(thing)
        side.note(names, set(names) <= set(dir(thing)), [name for name in names if not hasattr(thing, name)])
        side.note([(name, callable(getattr(thing, name))) for name in names if name != "last_usage"])


async def what_it_tells(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.see(connection, *(name for name in TOLD if name != "last_usage"))
    side.note(type(connection.last_usage), connection.loop is not None)
    connection.mine = 7
    side.note(connection.mine)
    del connection.mine
    await side.attempt(getattr, connection, "mine")
    for name in ("closed", "charset", "db", "host"):
        await side.attempt(setattr, connection, name, "x")


async def it_cannot_be_pickled(side: MysqlSide) -> None:
    connection = await side.connect()
    with contextlib.suppress(TypeError, AttributeError):  # the texts differ
        pickle.dumps(connection)
        side.note("possible")
    side.note("seen")


async def arguments(side: MysqlSide) -> None:
    given: list[dict[str, Any]] = [
        {"autocommit": True},
        {"autocommit": None},
        {"charset": "latin1", "use_unicode": False},
        {"sql_mode": "'ANSI_QUOTES'", "init_command": "SET @greeting = 'hello'"},
        {"cursorclass": aiomysql.DictCursor},
        {"conv": {**conversions, FIELD_TYPE.LONGLONG: lambda value: -int(value)}},
        {"client_flag": CLIENT.FOUND_ROWS, "program_name": "parity"},
        {"echo": True, "local_infile": True, "connect_timeout": 7},
        {"db": None},
        {"auth_plugin": ""},
    ]
    for each in given:
        async with side.noting_errors():
            connection = await side.connect(**each)
            side.note(connection.get_autocommit() == 1, connection.charset, connection.db, connection.echo)
            await side.attempt(side.rows, connection, "SELECT 'é', @greeting, @@sql_mode, NULL, 5")


async def what_connecting_refuses(side: MysqlSide) -> None:
    wrong: list[dict[str, Any]] = [
        *({"db": "missing"}, {"password": "wrong"}, {"user": "nobody"}, {"init_command": "SELEC"}),
        *({"sql_mode": "NONSENSE"}, {"charset": "nonsense"}),
    ]
    for each in wrong:
        await side.attempt(side.connect, **each)
    gc.collect()  # a connection of aiomysql's that was refused its arguments fails in its `__del__`


async def connecting_in_its_other_ways(side: MysqlSide) -> None:
    async with side.noting_errors():
        if side.is_bare:
            async with aiomysql.connect(**side.server) as connection:
                await side.attempt(side.rows, connection, "SELECT 1")
        else:
            async with await side.opened(**side.server) as connection:
                await side.attempt(side.rows, connection, "SELECT 1")
    side.note(connection.closed)


async def autocommit(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    for value in (True, False, 1, 0):
        await side.attempt(connection.autocommit, value)
        side.note(connection.get_autocommit() == 1, connection.get_transaction_status())
        await side.rows(connection, "INSERT INTO parity (v) VALUES ('a')")
        side.note(connection.get_transaction_status(), connection.affected_rows(), connection.insert_id())
        await side.call(connection.rollback)
        await side.attempt(side.rows, connection, "SELECT COUNT(*) FROM parity")


async def transactions(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    await side.attempt(connection.begin)
    side.note(connection.get_transaction_status())
    await side.rows(connection, "INSERT INTO parity (v) VALUES ('a')")
    await side.attempt(connection.rollback)
    side.note(connection.get_transaction_status())
    await side.attempt(connection.begin)
    await side.rows(connection, "INSERT INTO parity (v) VALUES ('b')")
    await side.attempt(connection.commit)
    await side.attempt(connection.commit)
    await side.attempt(side.rows, connection, "SELECT v FROM parity")


async def commands(side: MysqlSide) -> None:
    connection = await side.connect()
    for name, given in (
        ("select_db", ("information_schema",)),
        ("select_db", ("missing",)),
        ("set_charset", ("latin1",)),
        ("set_charset", ("nonsense",)),
        ("ping", ()),
        ("ping", (False,)),
        ("kill", (2**30,)),
        ("kill", ("x",)),
        ("show_warnings", ()),
        ("query", ("SELECT 1 UNION SELECT 2",)),
        ("affected_rows", ()),
        ("query", ("SELEC",)),
        ("escape", ("it's",)),
        ("escape", ([1, "a", None],)),
        ("escape", ({"a": 1},)),
        ("literal", (Decimal("1.5"),)),
        ("escape_string", ("a\\b",)),
        ("nonsense", ()),
    ):
        await side.attempt(lambda name=name, given=given: getattr(connection, name)(*given))
        await side.attempt(side.rows, connection, "SELECT DATABASE(), 'é'")
    side.note(connection.charset, connection.db)
    for name, given in (("query", ("SELECT 1; SELECT 2, 3",)), ("next_result", ()), ("affected_rows", ())):
        await side.attempt(getattr(connection, name), *given)
    await side.attempt(side.rows, connection, "SELECT 4")


async def warnings_of_the_server(side: MysqlSide) -> None:
    connection = await side.connect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await side.rows(connection, "SELECT CAST('a' AS SIGNED)")
        await side.rows(connection, "DROP TABLE IF EXISTS parity_missing")
    side.note([(warning.category, str(warning.message)) for warning in caught])
    await side.attempt(connection.show_warnings)


async def after_its_end(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await connection.cursor()
    side.note(connection.close() is None or side.is_bare is False, connection.closed)
    connection.close()
    for name in ("commit", "rollback", "ping", "begin", "show_warnings", "ensure_closed"):
        if name == "ping":
            await side.attempt(connection.ping, False)
            continue
        await side.attempt(getattr(connection, name))
    await side.attempt(lambda: cursor.execute("SELECT 1"))
    await side.attempt(cursor.fetchone)
    await side.attempt(cursor.close)
    side.note(connection.closed)


async def ended_politely(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.attempt(connection.ensure_closed)
    await side.attempt(connection.ensure_closed)
    side.note(connection.closed)


async def in_a_block(side: MysqlSide) -> None:
    connection = await side.connect()
    async with side.noting_errors(), connection as same:
        side.note(same is connection)
        await side.attempt(side.rows, connection, "SELECT 1")
    side.note(connection.closed)
    other = await side.connect()
    async with side.noting_errors(), other:
        fail()
    side.note(other.closed)


async def a_session_the_server_ends(side: MysqlSide) -> None:
    connection = await side.connect(autocommit=True)
    await side.rows(await side.connect(), f"KILL {connection.thread_id()}")
    with contextlib.suppress(aiomysql.Error):  # the classes differ by the moment
        await side.rows(connection, "SELECT 1")
    await side.attempt(connection.commit)
    side.note(connection.closed)
    await side.attempt(connection.ping)
    side.note(connection.closed)
    await side.attempt(side.rows, connection, "SELECT 2")


async def a_file_of_the_programs(side: MysqlSide) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = a_file(folder, "rows.csv", "1,a\n2,b\n")
        load = f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE parity FIELDS TERMINATED BY ','"
        for options in ({}, {"local_infile": True}):
            connection = await side.connect(**options)
            await side.table(connection)
            await side.attempt(side.rows, connection, load)
            await side.attempt(side.rows, connection, "SELECT * FROM parity")


async def option_files(side: MysqlSide) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = side.server
        said = {"host": server["host"], "port": server["port"], "user": server["user"], "database": server["db"]}
        for group in ("client", "mine"):
            text = f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in said.items())
            file = a_file(folder, "my.cnf", text)
            chosen = {"read_default_group": group} if group != "client" else {}
            async with side.noting_errors():
                connection = await side.opened(password=server["password"], read_default_file=file, **chosen)
                side.note(connection.db, connection.user, connection.port)
                connection.close()


async def errors(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    statements = (
        *("SELEC 1", "SELECT * FROM missing", "INSERT INTO parity (id) VALUES (1), (1)", "CALL missing()"),
        *("INSERT INTO parity (v) VALUES (REPEAT('x', 100))", "SELECT (SELECT 1 UNION SELECT 2)", "USE missing"),
        *("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine', MYSQL_ERRNO = 7777", "KILL QUERY CONNECTION_ID()"),
    )
    for statement in statements:
        await side.attempt(side.rows, connection, statement)
    try:
        await side.rows(connection, "SELECT * FROM missing")
    except aiomysql.Error as error:
        side.note(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own
