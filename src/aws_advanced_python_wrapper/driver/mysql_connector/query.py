"""How MySQL Connector/Python is asked below its cursors: our own queries, and whether a transaction is open."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from mysql.connector.errors import get_mysql_exception

from aws_advanced_python_wrapper.driver.mysql.session import IN_TRANSACTION
from aws_advanced_python_wrapper.driver.mysql_connector import client_library

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_advanced_python_wrapper.driver.contract import Rows


class NotConnected:
    """No transaction is open without a connection."""

    transaction_status = 0


class Note:
    """What pure Python notes after each answer."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    transaction_status = property(attrgetter("_connection._in_transaction"))


class ExtensionsNote:
    """What the client library notes after each answer; after a loss it is 0."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def transaction_status(self) -> int:
        """1 in a transaction, else 0."""
        flags: int = self._connection._cmysql.st_server_status()  # noqa: SLF001 - `in_transaction` takes much longer
        return flags & IN_TRANSACTION


def is_extensions(wire: Any) -> bool:
    """Tell the C extension's object from pure Python's for the socket."""
    return hasattr(wire, "st_server_status")


def ask_extension(connection: Any, sql: str) -> Rows:
    """Run a query through the C extension and return its rows as text; raises the driver's error."""
    asked, rows = connection._cmysql, []  # noqa: SLF001 - a cursor would take longer, and warn as the program wants it
    try:
        # What `raw_as_string` says would hold for the program's next calls as well.
        asked.query(sql.encode(connection.python_charset), raw=True, buffered=True, raw_as_string=False)
        while asked.have_result_set and (row := asked.fetch_row()) is not None:
            rows.append(_as_text(row))
        asked.free_result()
    except client_library.ERRORS as error:
        raise get_mysql_exception(error.errno, msg=error.msg, sqlstate=error.sqlstate) from error
    return rows


def ask(connection: Any, sql: str) -> Rows:
    """Run a query in pure Python and return its rows as text; raises the driver's error."""
    if "columns" not in connection.cmd_query(sql.encode(connection.python_charset)):
        return []
    return [_as_text(row) for row in connection.get_rows(raw=True)[0]]


def _as_text(row: Iterable[bytes | bytearray | None]) -> tuple[str | None, ...]:
    return tuple(None if value is None else value.decode() for value in row)
