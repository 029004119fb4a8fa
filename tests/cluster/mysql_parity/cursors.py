"""What a program does with cursors of MySQL Connector/Python."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import mysql.connector
from mysql.connector.abstracts import MySQLCursorAbstract
from mysql.connector.cursor import MySQLCursorDict

from cluster.mysql_parity.seeing import TWO_ROWS, VERSION, rows, seen

KINDS: list[dict[str, bool]] = [
    {},
    {"buffered": True},
    {"raw": True},
    {"dictionary": True},
    {"named_tuple": True},
    {"prepared": True},
    {"buffered": True, "raw": True},
    {"buffered": True, "dictionary": True},
    {"buffered": True, "named_tuple": True},
    {"prepared": True, "dictionary": True},
    {"prepared": True, "raw": True},
]


def kinds(connection: Any) -> Any:
    return [(kind, seen(lambda kind=kind: rows(connection, TWO_ROWS, **kind))) for kind in KINDS]  # type: ignore[misc]


def fetching(connection: Any) -> Any:
    found = []
    for kind in ({}, {"buffered": True}, {"dictionary": True}):
        cursor = connection.cursor(**kind)
        cursor.execute(TWO_ROWS)
        found += [cursor.fetchone(), cursor.fetchmany(1), cursor.fetchone(), cursor.fetchall(), cursor.rowcount]
        found += [cursor.description, cursor.column_names, cursor.with_rows, cursor.close()]
    return found


def iterating(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(TWO_ROWS)
    first = next(cursor)
    return first, list(cursor), seen(lambda: next(cursor))


def is_a_cursor_of_the_drivers(connection: Any) -> Any:
    return [isinstance(connection.cursor(**kind), MySQLCursorAbstract) for kind in ({}, {"buffered": True})]


class Shouting(MySQLCursorDict):
    """A program's own cursor."""

    def fetchall(self) -> Any:
        return [{name.upper(): value for name, value in row.items()} for row in super().fetchall() if row]


def of_the_programs_own_class(connection: Any) -> Any:
    return seen(lambda: rows(connection, "SELECT 5 AS five", cursor_class=Shouting))


def parameters(connection: Any) -> Any:
    cursor = connection.cursor()
    found = []
    for values in ((1, "a'b\\", None), (dt.date(2020, 1, 2), Decimal("1.10"), b"\x00\xff")):
        cursor.execute("SELECT %s, %s, %s", values)
        found += [cursor.fetchall(), seen(lambda: cursor.statement)]
    cursor.execute("SELECT %(x)s", {"x": 7})
    return [*found, cursor.fetchall(), seen(lambda: cursor.execute("SELECT %s", (1, 2)))]


def prepared_statements(connection: Any) -> Any:
    cursor = connection.cursor(prepared=True)
    found = []
    for number in range(3):
        cursor.execute("SELECT %s + 1, ?", (number, "x"))
        found.append(cursor.fetchall())
    found.append(seen(lambda: cursor.executemany("INSERT INTO scenario (v) VALUES (%s)", [("a",), ("b",)])))
    return [*found, cursor.rowcount, seen(cursor.reset), cursor.close()]


def inserting(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO scenario (v) VALUES (%s)", ("a",))
    found = [cursor.rowcount, bool(cursor.lastrowid), bool(connection.in_transaction)]
    cursor.executemany("INSERT INTO scenario (v) VALUES (%s)", [("b",), ("c",), ("d",)])
    found += [cursor.rowcount, cursor.statement]
    connection.commit()
    return [*found, bool(connection.in_transaction), rows(connection, "SELECT v FROM scenario ORDER BY id")]


def procedures(connection: Any) -> Any:
    cursor = connection.cursor()
    called = cursor.callproc("twice", (5, 0))
    results = list(cursor.stored_results())
    return called, [(each.fetchall(), each.column_names, isinstance(each, MySQLCursorAbstract)) for each in results]


def many_results(connection: Any) -> Any:
    cursor = connection.cursor()
    queries = "SELECT 1; SELECT 2, 3; DO 1; SELECT 'x'"
    if VERSION < (9, 2):
        results = cursor.execute(queries, multi=True)
        return [(each.with_rows and each.fetchall(), each.statement, each is cursor) for each in results]
    cursor.execute(queries)
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall() if cursor.with_rows else None)
    cursor.execute(queries, map_results=True)
    return [found, list(cursor.fetchsets())]


def unread_rows(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute(TWO_ROWS)
    calls = (connection.cursor, connection.commit, connection.ping, connection.reset_session, cursor.close)
    found = [seen(call) for call in calls]
    found += [seen(lambda: cursor.execute("SELECT 3")), connection.unread_result, seen(connection.rollback)]
    return [*found, connection.unread_result, rows(connection, "SELECT 4")]


def warnings(connection: Any) -> Any:
    connection.get_warnings = True
    cursor = connection.cursor()
    cursor.execute("SELECT CAST('a' AS SIGNED)")
    found = [cursor.fetchall(), cursor.fetchwarnings(), getattr(cursor, "warnings", None)]
    connection.raise_on_warnings = True
    return [*found, seen(lambda: rows(connection, "SELECT CAST('a' AS SIGNED)"))]


def attributes(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.add_attribute("foo", "bar")
    found = cursor.get_attributes()
    cursor.execute("SELECT 1")
    return found, cursor.fetchall(), cursor.clear_attributes(), cursor.get_attributes()


def errors(connection: Any) -> Any:
    statements = (
        *("SELEC 1", "SELECT * FROM missing", "INSERT INTO scenario (id) VALUES (1), (1)"),
        *("INSERT INTO scenario (v) VALUES (REPEAT('x', 100))", "SELECT (SELECT 1 UNION SELECT 2)"),
    )
    return [seen(lambda query=query: rows(connection, query)) for query in statements]  # type: ignore[misc]


def a_cursor_after_its_end(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.close()
    return [seen(lambda: cursor.execute("SELECT 1")), seen(cursor.fetchone), seen(cursor.close)]


def in_a_block(connection: Any) -> Any:
    found = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            found = cursor.fetchall()
            raise mysql.connector.ProgrammingError("mine", errno=7, sqlstate="42000")
    except mysql.connector.Error as error:
        return found, error.errno, str(error), seen(lambda: cursor.execute("SELECT 1"))
