"""A connection of MySQL Connector/Python, of either flavour: its life, attributes, settings and commands."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import mysql.connector
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.constants import ClientFlag, RefreshOption
from mysql.connector.conversion import MySQLConverter

from cluster.parity.mysql_sides import fail, public_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.parity.mysql_sides import MysqlSide

TOLD = (
    *("autocommit", "database", "time_zone", "sql_mode", "charset", "collation", "python_charset", "user"),
    *("server_host", "server_port", "unix_socket", "raise_on_warnings", "get_warnings", "can_consume_results"),
    *("use_unicode", "unread_result", "converter_class", "in_transaction", "is_secure", "client_flags", "charset_id"),
    *("have_next_result", "warning_count", "read_timeout", "write_timeout", "query_attrs", "pool_config_version"),
    *("result_set_available", "more_results", "num_rows", "nonsense"),
)


async def identity(side: MysqlSide) -> None:
    connection = await side.connect()
    other = await side.connect()
    classes = [MySQLConnectionAbstract, mysql.connector.MySQLConnection]
    classes += [mysql.connector.CMySQLConnection] if mysql.connector.HAVE_CEXT else []
    side.note([isinstance(connection, each) for each in classes], connection.__class__.__name__, callable(connection))
    side.note(
        connection == other, hash(connection) == hash(connection), bool(connection), len({connection, connection})
    )
    side.note(weakref.ref(connection)() is connection, side.asynchronous or connection.get_self() is connection)
    side.note(connection.connection_id != other.connection_id, type(connection.connection_id))


async def every_public_name_is_there(side: MysqlSide) -> None:
    connection = await side.connect()
    for thing in (connection, await side.call(connection.cursor)):
        names = public_names(thing)
        side.note(names, set(names) <= set(dir(thing)), [name for name in names if not hasattr(thing.__class__, name)])
        side.note([(name, callable(getattr(thing, name, None))) for name in names if name not in _ASKING])


# Some ask the server, some raise an error where there are no rows, and `is_closed` is this driver's own, no method.
_ASKING = {
    *("autocommit", "database", "sql_mode", "time_zone", "num_rows", "warning_count", "is_closed"),
    *("read_timeout", "write_timeout"),
}


async def it_cannot_be_copied(side: MysqlSide) -> None:
    connection = await side.connect()
    for do in [pickle.dumps] + [copy.deepcopy] * (not side.asynchronous):  # which leaves half a loop, in that flavour
        side.note("possible" if _is_possible(do, connection) else "refused")  # the texts differ


def _is_possible(do: Callable[[Any], Any], connection: Any) -> bool:
    try:
        do(connection)
    except (TypeError, NotImplementedError):
        return False
    return True


async def what_it_tells(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.see(connection, *TOLD)
    side.note(connection.get_server_info(), connection.get_server_version(), connection.isset_client_flag(8))
    side.note(connection.server_info.__class__.__name__ if hasattr(connection, "server_info") else None)


async def attributes_of_the_programs_own(side: MysqlSide) -> None:
    connection = await side.connect()
    connection.mine = 7
    side.note(connection.mine, hasattr(connection, "theirs"))
    del connection.mine
    await side.attempt(getattr, connection, "mine")
    for name in ("connection_id", "user", "in_transaction", "unread_result", "collation", "read_timeout"):
        await side.attempt(setattr, connection, name, 7)


async def arguments(side: MysqlSide) -> None:
    given: list[dict[str, Any]] = [
        {"raw": True},
        {"buffered": True},
        {"get_warnings": True},
        {"autocommit": True, "time_zone": "+02:00", "sql_mode": "ANSI_QUOTES,TRADITIONAL"},
        {"charset": "latin1"},
        {"charset": "utf8mb4", "collation": "utf8mb4_bin", "use_unicode": False},
        {"init_command": "SET @greeting = 'hello'", "consume_results": True},
        {"conn_attrs": {"mine": "yes"}, "connection_timeout": 7},
        {"client_flags": [ClientFlag.FOUND_ROWS, -ClientFlag.MULTI_STATEMENTS]},
        {"client_flags": ClientFlag.get_default()},
        {"converter_str_fallback": True},
        {"compress": True},
        {"database": None},
        {"ssl_disabled": False, "tls_versions": ["TLSv1.3"]},
    ]
    for each in filter(side.takes, given):
        async with side.noting_errors():  # one flavour has no list of flags
            connection = await side.connect(**each)
            await side.see(connection, *(name for name in TOLD if name not in ("num_rows", "warning_count")))
            await side.attempt(side.rows, connection, "SELECT 'é', @@time_zone, @greeting, @@sql_mode, NULL, 1.5")
            await side.attempt(side.rows, connection, "SELECT CAST('a' AS SIGNED); SELECT 2")


async def what_connecting_refuses(side: MysqlSide) -> None:
    wrong: list[dict[str, Any]] = [
        *({"database": "missing"}, {"password": "wrong"}, {"user": "nobody"}, {"charset": "nonsense"}),
        *({"init_command": "SELEC"}, {"sql_mode": "NONSENSE"}, {"time_zone": "nowhere"}),
        *({"auth_plugin": "nonsense"}, {"collation": "nonsense"}, {"conn_attrs": 1}),
        *({"converter_class": int}, {"read_timeout": -1}, {"tls_versions": ["SSLv3"]}),
    ]
    for each in filter(side.takes, wrong):
        await side.attempt(side.connect, **each)


async def autocommit(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    for value in (True, False, 1, 0, "yes", None):
        await side.attempt(side.set, connection, "autocommit", value)
        await side.attempt(side.get, connection, "autocommit")
        await side.rows(connection, "INSERT INTO parity (v) VALUES ('a')")
        side.note(connection.in_transaction)
        await side.call(connection.rollback)
        await side.attempt(side.rows, connection, "SELECT COUNT(*) FROM parity")
        side.note(connection.in_transaction)
        await side.call(connection.commit)


async def settings(side: MysqlSide) -> None:
    connection = await side.connect()
    values: dict[str, list[Any]] = {
        "time_zone": ["+03:00", "SYSTEM", "nowhere"],
        "sql_mode": ["ANSI_QUOTES", ["ANSI_QUOTES", "TRADITIONAL"], "", "BEST"],
        "database": ["information_schema", "missing", ""],
        "autocommit": [True],
    }
    for name, each in values.items():
        for value in each:
            await side.attempt(side.set, connection, name, value)
            await side.attempt(side.get, connection, name)
            await side.attempt(side.rows, connection, "SELECT @@time_zone, @@sql_mode, DATABASE(), @@autocommit")


async def settings_without_question(side: MysqlSide) -> None:
    connection = await side.connect()
    for name in ("get_warnings", "raise_on_warnings", "can_consume_results", "use_unicode", "unread_result"):
        for value in (True, False, "x"):
            await side.attempt(setattr, connection, name, value)
            await side.attempt(getattr, connection, name)


async def charsets(side: MysqlSide) -> None:
    connection = await side.connect()
    for given in (("latin1",), (8,), ("utf8mb4", "utf8mb4_bin"), ("nonsense",), (None, "latin1_bin"), (-1,), ()):
        await side.attempt(connection.set_charset_collation, *given)
        await side.see(connection, "charset", "collation", "python_charset", "charset_id")
        await side.attempt(side.rows, connection, "SELECT 'é', LENGTH('é')")
    if hasattr(connection, "set_unicode"):
        await side.attempt(connection.set_unicode, False)
        await side.attempt(side.rows, connection, "SELECT 'é'")


async def transactions(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    options: list[dict[str, Any]] = [
        *(
            {},
            {"consistent_snapshot": True},
            {"isolation_level": "READ COMMITTED"},
            {"isolation_level": "read-committed"},
        ),
        *({"isolation_level": "NONSENSE"}, {"readonly": True}, {"readonly": False}),
        *({"isolation_level": "SERIALIZABLE", "readonly": True, "consistent_snapshot": True}, {"nonsense": 1}),
    ]
    for each in options:
        await side.attempt(connection.start_transaction, **each)
        side.note(connection.in_transaction)
        await side.attempt(connection.start_transaction)
        await side.attempt(side.rows, connection, "INSERT INTO parity_of_all VALUES (1)")
        await side.attempt(side.rows, connection, "INSERT INTO parity (v) VALUES ('a')")
        await side.attempt(connection.rollback)
        side.note(connection.in_transaction)
    await side.rows(connection, "INSERT INTO parity (v) VALUES ('b')")
    await side.attempt(connection.commit)
    side.note(connection.in_transaction)
    await side.attempt(side.rows, connection, "SELECT v FROM parity")


async def commands(side: MysqlSide) -> None:
    connection = await side.connect(user=side.server["user"])
    for name, given in _COMMANDS:
        await side.attempt(lambda name=name: getattr(connection, name))
        await side.attempt(_shape, side, connection, name, given)
        await side.see(connection, "unread_result", "have_next_result", "in_transaction")
        await side.attempt(connection.rollback)


_COMMANDS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("cmd_query", ("SELECT 1 AS a",)),
    ("get_rows", ()),
    ("cmd_query", (b"DO 1",)),
    ("cmd_query", ("SELEC",)),
    ("cmd_init_db", ("information_schema",)),
    ("cmd_init_db", ("missing",)),
    ("cmd_statistics", ()),
    ("info_query", ("SELECT DATABASE(), 1",)),
    ("info_query", ("SELECT 1 UNION SELECT 2",)),
    ("cmd_process_info", ()),
    ("cmd_process_kill", (2**30,)),
    ("cmd_refresh", (RefreshOption.LOG,)),
    ("cmd_refresh", (0,)),
    ("cmd_debug", ()),
    ("cmd_shutdown", ()),
    ("cmd_ping", ()),
    ("cmd_reset_connection", ()),
    ("cmd_stmt_prepare", (b"SELECT ?",)),
    ("get_row", ()),
    ("free_result", ()),
    ("next_result", ()),
    ("fetch_eof_status", ()),
    ("fetch_eof_columns", ()),
    ("consume_results", ()),
    ("handle_unread_result", ()),
    ("set_allow_local_infile_in_path", ("/nowhere",)),
    ("is_socket_connected", ()),
    ("set_client_flags", ([ClientFlag.FOUND_ROWS],)),
    ("set_character_set_name", ("utf8mb4",)),
    ("prepare_for_mysql", ((1, "it's", None),)),
)


async def _shape(side: MysqlSide, connection: Any, name: str, given: tuple[Any, ...]) -> Any:
    """Return what a command returns, without the numbers that are another moment's."""
    found = await side.call(getattr(connection, name), *given)
    return sorted(found) if isinstance(found, dict) else found


async def several_statements_at_once(side: MysqlSide) -> None:
    connection = await side.connect()
    async with side.noting_errors():
        async for found in side.each(connection.cmd_query_iter("SELECT 1 AS a; DO 1; SELECT 'x'")):
            side.note(sorted(found))
            if "columns" in found:
                await side.attempt(connection.get_rows)
    await side.attempt(connection.rollback)
    await side.attempt(side.rows, connection, "SELECT 5")


async def attributes_of_queries(side: MysqlSide) -> None:
    connection = await side.connect()
    side.note(connection.query_attrs)
    await side.attempt(connection.query_attrs_append, ("one", "1"))
    await side.attempt(side.rows, connection, "SELECT 1")
    side.note(connection.query_attrs)
    await side.attempt(connection.query_attrs_remove, "one")
    await side.attempt(connection.query_attrs_clear)
    side.note(connection.query_attrs)


async def beginning_anew(side: MysqlSide) -> None:
    connection = await side.connect(sql_mode="ANSI_QUOTES")
    await side.rows(connection, "SELECT @mine := 5")
    await side.set(connection, "database", "information_schema")
    await side.rows(connection, "SET SESSION wait_timeout = 77")
    await side.attempt(connection.reset_session, {"yours": 7}, {"net_write_timeout": 100})
    query = "SELECT @mine, @yours, @@wait_timeout, @@net_write_timeout, DATABASE(), @@sql_mode, @@autocommit"
    await side.attempt(side.rows, connection, query)
    await side.attempt(connection.is_connected)
    await side.attempt(connection.reset_session, {"yours": object()})
    await side.attempt(connection.reset_session, None, {"nonsense": 1})
    await side.attempt(side.rows, connection, query)


async def another_user(side: MysqlSide) -> None:
    connection = await side.connect()
    user, password = side.server["user"], side.server["password"]
    await side.rows(connection, "SELECT @mine := 5")
    query = "SELECT @mine, CURRENT_USER(), DATABASE()"
    for given in ((user, password), (user, password, "information_schema"), (user, password, "", 8)):
        await side.attempt(connection.cmd_change_user, *given)
        await side.attempt(side.rows, connection, query)
        await side.see(connection, "user", "charset", "database")


async def being_connected_again(side: MysqlSide) -> None:
    connection = await side.connect()
    first = connection.connection_id
    for call in (connection.is_connected, connection.ping, connection.reconnect):
        await side.attempt(call)
    side.note(connection.connection_id != first)
    await side.attempt(side.rows, connection, "SELECT 1")
    await side.attempt(connection.ping, reconnect=True, attempts=2, delay=0)
    await side.attempt(connection.reconnect, attempts=1, delay=0)
    await side.attempt(side.rows, connection, "SELECT 2")


async def connected_again_after_its_end(side: MysqlSide) -> None:
    for connect in ("ping", "reconnect", "connect"):
        connection = await side.connect()
        await side.call(connection.disconnect if hasattr(connection, "disconnect") else connection.close)
        await side.attempt(connection.is_connected)
        await side.attempt(connection.ping)
        given = {"reconnect": True, "attempts": 2, "delay": 0} if connect == "ping" else {}
        await side.attempt(getattr(connection, connect), **given)
        await side.attempt(connection.is_connected)
        await side.attempt(side.rows, connection, "SELECT 1")


async def converters(side: MysqlSide) -> None:
    connection = await side.connect(converter_class=Counting)
    await side.see(connection, "converter_class")
    await side.attempt(side.rows, connection, "SELECT 'abc', NULL")
    for converter in (MySQLConverter, Counting):
        await side.attempt(connection.set_converter_class, converter)
        await side.attempt(side.rows, connection, "SELECT 'abc', NULL")
    await side.attempt(connection.set_converter_class, int)
    await side.attempt(side.rows, connection, "SELECT %s", (object(),))


class Counting(MySQLConverter):
    """A program's own converter."""

    def to_python(self, vtype: Any, value: Any) -> Any:
        del vtype
        return None if value is None else len(value)

    def row_to_python(self, row: Any, fields: Any) -> Any:
        return tuple(self.to_python(None, value) for value, _ in zip(row, fields, strict=True))


async def after_its_end(side: MysqlSide) -> None:
    connection = await side.connect()
    cursor = await side.call(connection.cursor)
    await side.attempt(connection.close)
    await side.attempt(connection.close)
    for name in ("is_connected", "commit", "rollback", "cursor", "ping", "cmd_ping", "reset_session", "close"):
        await side.attempt(lambda name=name: getattr(connection, name)())
    for call in (lambda: cursor.execute("SELECT 1"), cursor.fetchone, cursor.fetchall, cursor.close):
        await side.attempt(call)
    side.note(bool(connection.in_transaction), connection.unread_result)
    await side.see(connection, "autocommit", "database", "time_zone", "sql_mode", "charset", "server_host")


async def ended_in_its_other_words(side: MysqlSide) -> None:
    for word in ("disconnect", "shutdown", "cmd_quit"):
        connection = await side.connect()
        if not hasattr(connection, word):
            continue
        await side.attempt(getattr(connection, word))
        await side.attempt(connection.is_connected)
        await side.attempt(connection.close)


async def in_a_block(side: MysqlSide) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection) as same:
        side.note(same is connection)
        await side.call(connection.start_transaction)
    await side.attempt(connection.is_connected)
    other = await side.connect()
    async with side.noting_errors(), side.within(other):
        fail()
    await side.attempt(other.is_connected)


async def a_block_closed_inside(side: MysqlSide) -> None:
    connection = await side.connect()
    async with side.noting_errors(), side.within(connection):
        await side.call(connection.close)
    async with side.noting_errors(), side.within(connection):
        pass
    await side.attempt(connection.is_connected)


async def it_is_freed_at_once(side: MysqlSide) -> None:
    gc.disable()
    try:
        for closing in (True, False):
            connection: Any = await side.opened(**side.server)
            cursor: Any = await side.executed(connection, "SELECT 1 UNION SELECT 2")
            await side.call(cursor.fetchall)
            if closing:
                await side.call(cursor.close)
                await side.call(connection.close)
            seen = weakref.ref(connection)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # asyncio's, of streams that nobody has closed
                del connection, cursor
                side.note(seen() is None)
                if not closing:
                    gc.collect()
    finally:
        gc.enable()


async def a_session_the_server_ends(side: MysqlSide) -> None:
    connection = await side.connect(autocommit=True)
    killer = await side.connect()
    await side.rows(killer, f"KILL {connection.connection_id}")
    with contextlib.suppress(side.errors.Error):  # the classes differ by the moment
        await side.rows(connection, "SELECT 1")
    await side.attempt(connection.is_connected)
    await side.attempt(side.rows, connection, "SELECT 1")
    await side.attempt(connection.reconnect)
    await side.attempt(side.rows, connection, "SELECT 2")
    await side.attempt(connection.close)
