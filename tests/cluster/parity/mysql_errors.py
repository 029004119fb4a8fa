"""Errors of MySQL Connector/Python, and data that is large or comes from files, in either flavour."""

from __future__ import annotations

import pickle
import tempfile
from typing import TYPE_CHECKING

import mysql.connector

from cluster.parity.mysql_sides import a_file

if TYPE_CHECKING:
    from cluster.parity.mysql_sides import MysqlSide

STATEMENTS = (
    "SELEC 1",
    "SELECT * FROM missing",
    "INSERT INTO parity (id) VALUES (1), (1)",
    "INSERT INTO parity (v) VALUES (REPEAT('x', 100))",
    "INSERT INTO parity (id) VALUES ('x')",
    "SELECT (SELECT 1 UNION SELECT 2)",
    "SELECT 9223372036854775807 + 1",
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine', MYSQL_ERRNO = 7777",
    "SIGNAL SQLSTATE '01234' SET MESSAGE_TEXT = 'a warning'",
    "KILL QUERY CONNECTION_ID()",
    "DROP DATABASE mysql",
    "USE missing",
    "CALL missing()",
    "SELECT missing(1)",
    "SET GLOBAL wait_timeout = 5",
    "SELECT 'é\U0001f600' = x",
)


async def errors_of_statements(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection)
    for kind in ({}, {"buffered": True}, {"prepared": True}):
        for statement in STATEMENTS:
            await side.attempt(side.rows, connection, statement, **kind)
            await side.attempt(connection.rollback)
    await side.attempt(side.rows, connection, "SELECT 1")


async def errors_are_pickled(side: MysqlSide) -> None:
    connection = await side.connect()
    try:
        await side.rows(connection, "SELECT * FROM missing")
    except mysql.connector.Error as error:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        side.note(again, again.errno, again.sqlstate, again.msg)


async def a_class_for_errors(side: MysqlSide) -> None:
    class Mine(mysql.connector.Error):
        """A program's own."""

    connection = await side.connect()
    mysql.connector.custom_error_exception(1146, Mine)
    try:
        await side.rows(connection, "SELECT * FROM missing")
    except Mine as error:
        side.note(error.errno, str(error))
    finally:
        mysql.connector.custom_error_exception({})
        mysql.connector.errors._CUSTOM_ERROR_EXCEPTIONS.clear()


async def deadlocked_and_locked_out(side: MysqlSide) -> None:
    first, second = await side.connect(), await side.connect()
    await side.attempt(side.rows, first, "SELECT GET_LOCK('parity', 1)")
    await side.attempt(side.rows, second, "SELECT GET_LOCK('parity', 0)")
    await side.attempt(side.rows, second, "SET SESSION max_execution_time = 100")
    await side.attempt(side.rows, second, "SELECT GET_LOCK('parity', 5)")
    await side.attempt(side.rows, second, "SELECT SLEEP(5)")
    await side.attempt(side.rows, second, "SELECT 1")


async def large_values(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.table(connection, "id INT, v LONGBLOB")
    for size in (70_000, 17_000_000):  # the second takes more than one packet
        await side.attempt(side.rows, connection, "INSERT INTO parity VALUES (1, %s)", (b"x" * size,))
        cursor = await side.executed(connection, "SELECT LENGTH(v), v FROM parity")
        found, value = await side.call(cursor.fetchone)
        side.note(found, value == b"x" * size, await side.call(cursor.fetchall))
        await side.rows(connection, "DELETE FROM parity")


async def a_file_of_the_programs(side: MysqlSide) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = a_file(folder, "rows.csv", "1,a\n2,b\n")
        load = f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE parity FIELDS TERMINATED BY ','"
        for allowed in ({}, {"allow_local_infile": True}, {"allow_local_infile_in_path": folder}):
            connection = await side.connect(**allowed)
            await side.table(connection)
            await side.attempt(side.rows, connection, load)
            await side.attempt(side.rows, connection, "SELECT * FROM parity")
        for refused in ({"allow_local_infile_in_path": "/nowhere"}, {"allow_local_infile": False}):
            connection = await side.connect(**refused)
            await side.table(connection)
            await side.attempt(side.rows, connection, load)


async def option_files(side: MysqlSide) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = side.server
        where = "".join(f"{name} = {server[name]}\n" for name in ("host", "port", "user"))
        rest = f"[mine]\ndatabase = {server['database']}\nautocommit = True\n[connector_python]\ncharset=latin1\n"
        first, second = a_file(folder, "first.cnf", f"[client]\n{where}"), a_file(folder, "second.cnf", rest)
        others = {name: value for name, value in server.items() if name not in ("host", "port", "user", "database")}
        for options in (
            {"option_files": [first, second], "option_groups": ["client", "mine", "connector_python"]},
            {"option_files": first},
            {"read_default_file": first},
            {"option_files": first, "user": "nobody"},
            {"option_files": f"{folder}/missing.cnf"},
        ):
            async with side.noting_errors():
                connection = await side.opened(**others, **options)
                await side.see(connection, "database", "charset", "user", "autocommit", "server_port")
                await side.call(connection.close)
