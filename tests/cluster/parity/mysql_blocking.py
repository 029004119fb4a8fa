"""What only the blocking flavour of MySQL Connector/Python has: threads, pools, classes of the program's own."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import mysql.connector
from mysql.connector import pooling
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.cursor import MySQLCursor

if TYPE_CHECKING:
    from cluster.parity.mysql_sides import MysqlSide


async def one_connection_in_several_threads(side: MysqlSide) -> None:
    connection = await side.connect()
    found: list[Any] = []

    def ask(number: int) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT %s", (number,))
        found.append(cursor.fetchall())
        cursor.close()

    for number in range(5):
        thread = threading.Thread(target=ask, args=(number,))
        thread.start()
        thread.join()
    side.note(found)


async def a_pool(side: MysqlSide) -> None:
    options = {**side.server, "pool_name": f"parity-{uuid.uuid4()}", "pool_size": 2, "pool_reset_session": True}
    first = await side.opened(**options)
    second = await side.opened(**options)
    side.note(first.__class__.__name__, isinstance(first, (pooling.PooledMySQLConnection, MySQLConnectionAbstract)))
    await side.attempt(side.rows, first, "SELECT @mine := 5")
    number = first.connection_id
    await side.attempt(first.close)
    for name in ("cursor", "commit", "is_connected"):
        await side.attempt(lambda name=name: getattr(first, name)())
    again = await side.opened(**options)
    side.note(again.connection_id == number, second.connection_id != number)
    await side.attempt(side.rows, again, "SELECT @mine")
    await side.attempt(side.see, again, "database", "autocommit", "in_transaction")
    async with side.noting_errors(), side.within(again) as entered:
        await side.attempt(side.rows, entered, "SELECT 1")
    await side.attempt(side.opened, **options, autocommit=True)
    await side.call(second.close)


async def a_class_of_the_programs_own(side: MysqlSide) -> None:
    drivers: Any = mysql.connector.MySQLConnection if side.server["use_pure"] else mysql.connector.CMySQLConnection
    rest = {name: value for name, value in side.server.items() if name != "use_pure"}

    class Mine(drivers):  # type: ignore[misc]
        greeting = "hello"

        def greet(self) -> Any:
            with self.cursor() as cursor:
                cursor.execute("SELECT %s", [self.greeting])
                return cursor.fetchall()

        def opened(self) -> Any:
            cursor = self.cursor()
            cursor.execute("SELECT 5")
            return cursor

    for target in (Mine, drivers, mysql.connector.Connect):
        connection = await side.opened(target, **rest)
        side.note(
            isinstance(connection, target if isinstance(target, type) else drivers), connection.__class__.__name__
        )
        await side.attempt(side.rows, connection, "SELECT 1")
        if target is Mine:
            side.note(connection.greeting)
            await side.attempt(connection.greet)
            cursor = connection.opened()
            side.note(cursor.fetchall(), isinstance(cursor, mysql.connector.abstracts.MySQLCursorAbstract))
        await side.call(connection.close)


async def cursors_of_the_programs_own_class(side: MysqlSide) -> None:
    connection = await side.connect()
    drivers: Any = MySQLCursor
    if not side.server["use_pure"]:
        from mysql.connector.cursor_cext import CMySQLCursor as drivers  # noqa: N813

    class Shouting(drivers):  # type: ignore[misc]
        def fetchall(self) -> Any:
            return [[str(value).upper() for value in row] for row in super().fetchall()]

        def all_of(self, query: str) -> Any:
            self.execute(query)
            return self.fetchall()

    cursor = connection.cursor(cursor_class=Shouting)
    side.note(isinstance(cursor, Shouting))
    await side.attempt(cursor.all_of, "SELECT 'a', 1")
    cursor.execute("SELECT 'b'")
    await side.attempt(cursor.fetchall)
    await side.attempt(connection.cursor, cursor_class=int)


async def statements_below_the_cursors(side: MysqlSide) -> None:
    connection = await side.connect()
    if not side.server["use_pure"]:
        statement = connection.cmd_stmt_prepare(b"SELECT ?, ?")
        await side.attempt(lambda: bool(connection.cmd_stmt_execute(statement, 5, "x")))
        await side.attempt(connection.get_row, prep_stmt=statement)
        await side.attempt(connection.consume_results)
        await side.attempt(connection.cmd_stmt_reset, statement)
        await side.attempt(connection.cmd_stmt_close, statement)
        await side.attempt(connection.prepare_for_mysql, (1, Decimal("1.5"), dt.date(2020, 1, 2), "it's", None))
        return
    found = connection.cmd_stmt_prepare(b"SELECT ?, ?")
    side.note(sorted(found))
    await side.attempt(connection.cmd_stmt_send_long_data, found["statement_id"], 0, _File())
    await side.attempt(connection.cmd_stmt_reset, found["statement_id"])
    await side.attempt(connection.cmd_stmt_close, found["statement_id"])


class _File:
    """A file of two bytes."""

    left = b"ab"

    def read(self, _size: int) -> bytes:
        now, self.left = self.left, b""
        return now


async def configured_again(side: MysqlSide) -> None:
    connection = await side.connect()
    await side.attempt(connection.config, time_zone="+04:00", autocommit=True)
    await side.attempt(connection.config, nonsense=1)
    await side.attempt(connection.reconnect)
    await side.attempt(side.rows, connection, "SELECT @@time_zone, @@autocommit")
