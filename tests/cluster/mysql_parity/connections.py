"""What a program does with connections of MySQL Connector/Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mysql.connector
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.conversion import MySQLConverter

from cluster.mysql_parity.seeing import rows, seen

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD = (
    *("autocommit", "database", "time_zone", "sql_mode", "charset", "collation", "python_charset", "user"),
    *("server_host", "server_port", "unix_socket", "raise_on_warnings", "get_warnings", "can_consume_results"),
    *("use_unicode", "unread_result", "converter_class"),
)


def is_a_connection_of_the_drivers(connection: Any) -> Any:
    classes = [MySQLConnectionAbstract, mysql.connector.MySQLConnection]
    classes += [mysql.connector.CMySQLConnection] if mysql.connector.HAVE_CEXT else []
    return [isinstance(connection, each) for each in classes], connection.__class__.__name__


def what_it_tells(connection: Any) -> Any:
    return [seen(lambda name=name: getattr(connection, name)) for name in _TOLD]  # type: ignore[misc]


def settings(connection: Any) -> Any:
    connection.autocommit = True
    connection.time_zone = "+03:00"
    connection.sql_mode = "ANSI_QUOTES"
    connection.set_charset_collation("latin1")
    found = [connection.autocommit, connection.time_zone, connection.sql_mode, connection.charset]
    connection.database = "information_schema"
    return [*found, connection.collation, connection.database, rows(connection, "SELECT 'é', @@time_zone, DATABASE()")]


def refused_settings(connection: Any) -> Any:
    def set_to(name: str, value: object) -> Callable[[], None]:
        return lambda: setattr(connection, name, value)

    wrong = {"database": "missing", "time_zone": "nowhere", "sql_mode": "BEST"}
    return [seen(set_to(name, value)) for name, value in wrong.items()]


def transactions(connection: Any) -> Any:
    connection.start_transaction(isolation_level="READ COMMITTED", readonly=True)
    found = [bool(connection.in_transaction), seen(connection.start_transaction)]
    found.append(seen(lambda: rows(connection, "INSERT INTO scenario (v) VALUES ('a')")))
    connection.rollback()
    found.append(bool(connection.in_transaction))
    rows(connection, "SELECT * FROM scenario")
    return [*found, bool(connection.in_transaction), connection.commit(), bool(connection.in_transaction)]


def commands(connection: Any) -> Any:
    calls: list[Callable[[], Any]] = [
        lambda: connection.cmd_query("SELECT 1")["columns"][0][0],
        connection.get_rows,
        lambda: bool(connection.cmd_init_db("information_schema")),
        lambda: type(connection.cmd_statistics()),
        lambda: connection.info_query("SELECT DATABASE()"),
        lambda: bool(connection.cmd_reset_connection()),
        lambda: bool(connection.cmd_ping()),
        lambda: connection.cmd_process_kill(2**30),
        lambda: [type(each) for each in connection.cmd_query_iter("DO 1; DO 2")],
    ]
    return [(seen(call), seen(connection.rollback)) for call in calls]


def beginning_anew(connection: Any) -> Any:
    rows(connection, "SELECT @mine := 5")
    connection.reset_session({"yours": 7}, {"wait_timeout": 100})
    return rows(connection, "SELECT @mine, @yours, @@wait_timeout"), connection.is_connected()


def being_connected_again(connection: Any) -> Any:
    first = connection.connection_id
    found = [connection.is_connected(), connection.ping(), connection.reconnect(), connection.connection_id != first]
    connection.disconnect()
    found += [connection.is_connected(), seen(connection.ping), connection.ping(reconnect=True, attempts=2, delay=0)]
    return [*found, connection.is_connected(), rows(connection, "SELECT 1")]


class Counting(MySQLConverter):
    """A program's own converter."""

    def to_python(self, vtype: Any, value: Any) -> Any:
        del vtype
        return None if value is None else len(value)

    def row_to_python(self, row: Any, fields: Any) -> Any:
        return tuple(self.to_python(None, value) for value, _ in zip(row, fields, strict=True))


def converters(connection: Any) -> Any:
    found = [getattr(connection, "converter_class", None)]
    connection.set_converter_class(Counting)
    return [*found, rows(connection, "SELECT 'abc', NULL"), seen(lambda: connection.converter_class is Counting)]


def reading_what_nobody_reads(connection: Any) -> Any:
    connection.can_consume_results = True
    for _ in range(2):
        connection.cursor().execute("SELECT 1 UNION SELECT 2")
    return rows(connection, "SELECT 3"), connection.unread_result


def after_its_end(connection: Any) -> Any:
    cursor = connection.cursor()
    connection.close()
    names = ("is_connected", "commit", "rollback", "cursor", "ping", "close")
    found = [seen(lambda name=name: getattr(connection, name)()) for name in names]  # type: ignore[misc]
    return [*found, seen(lambda: cursor.execute("SELECT 1")), bool(connection.in_transaction)]


def in_a_block(connection: Any) -> Any:
    with connection as same:
        rows(connection, "INSERT INTO scenario (v) VALUES ('a')")
    return same is connection, connection.is_connected()
