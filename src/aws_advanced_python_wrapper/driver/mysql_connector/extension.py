"""What goes before the C extension's own class of connections: nothing that it does may stop, or end, the program."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Any

from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.constants import RefreshOption
from mysql.connector.errors import InterfaceError
from mysql.connector.version import VERSION

from aws_advanced_python_wrapper.driver.mysql.remembering import KEPT, STATEMENTS
from aws_advanced_python_wrapper.driver.mysql.session import AUTOCOMMIT
from aws_advanced_python_wrapper.driver.mysql_connector import client_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.driver.sockets import NotedSocket

_NOT_NOTED = (None, None)
_BY_STATEMENT: Any = MySQLConnectionAbstract.autocommit
_REFUSES_ANY_OTHER = VERSION[:2] >= (8, 3)
_REFRESHED = (RefreshOption.GRANT | RefreshOption.LOG | RefreshOption.TABLES) | (
    RefreshOption.HOST | RefreshOption.STATUS | RefreshOption.REPLICA
)


class Ended:
    """Stands for the extension's object when that has ended: answers as one that was never connected.

    Where the extension itself would end the program there is an error. What the server said last of autocommit is kept.
    """

    def __init__(self, never_connected: Any, flags: int) -> None:
        self._never_connected = never_connected
        self._flags = flags & AUTOCOMMIT

    def __getattr__(self, name: str) -> Any:
        return getattr(self._never_connected, name)

    def st_server_status(self) -> int:
        """Return the flags."""
        return self._flags

    def select_db(self, *_args: Any) -> None:
        """Raise the extension's error."""
        self._never_connected.rollback()

    hex_string = shutdown = select_db


class Freed:
    """Frees the extension's object when nobody is inside one of its calls: the client library knows no locks.

    Threads that begin a call after that get the driver's own errors.
    """

    _cmysql: Any
    _noted_socket: tuple[Any, NotedSocket | None] = _NOT_NOTED
    _span: Any
    unread_result: bool

    def _set_autocommit(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise ValueError("mode must be boolean")  # noqa: TRY004 - the extension's own error
        _BY_STATEMENT.__set__(self, value)

    # It sends a statement. The extension's own setter says nothing when the connection is lost meanwhile.
    autocommit = _BY_STATEMENT.setter(_set_autocommit)

    def cmd_stmt_prepare(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare a statement, which works on the extension's object without referring to it."""
        statement = super().cmd_stmt_prepare(*args, **kwargs)  # type: ignore[misc]
        self._count_statements(1)
        return statement

    def cmd_stmt_close(self, *args: Any, **kwargs: Any) -> Any:
        """Close a prepared statement."""
        result = super().cmd_stmt_close(*args, **kwargs)  # type: ignore[misc]
        self._count_statements(-1)
        return result

    def _count_statements(self, more: int) -> None:
        vars(self)[STATEMENTS] = max(0, vars(self).get(STATEMENTS, 0) + more)

    def _open_connection(self) -> None:
        vars(self)[STATEMENTS] = 0
        super()._open_connection()  # type: ignore[misc]

    def connect(self, **options: Any) -> None:
        """Open the connection, or open it again; what fails leaves behind what the last session's flags were."""
        last = self._cmysql and self._cmysql.st_server_status()
        try:
            super().connect(**options)  # type: ignore[misc]
        except BaseException:
            if last is not None and not isinstance(self._cmysql, Ended) and not self._cmysql.connected():
                self._cmysql = Ended(type(self._cmysql)(), last)
            raise

    def close(self) -> None:
        """Say farewell and close. What may be in use is shut down, and freed by whoever uses it last.

        With rows on their way there is no farewell: all of them would have to be read before it.
        """
        if not self._cmysql or isinstance(self._cmysql, Ended):
            return
        if self.unread_result:
            _shut_down(self._noted_socket[1])
        self._free()
        if self._span is not None and self._span.is_recording():
            self._span.end()

    disconnect = close

    def _free(self) -> None:
        noted, self._noted_socket = self._noted_socket[1], _NOT_NOTED
        library_object, never_connected = self._cmysql, type(self._cmysql)()
        mine = sys.getrefcount(never_connected)
        self._cmysql = Ended(never_connected, library_object.st_server_status())
        self.keep_for_statements(library_object)
        if sys.getrefcount(library_object) > mine:
            _shut_down(noted)
        else:
            library_object.close()

    def keep_for_statements(self, library_object: Any) -> None:
        """Keep an object that is given up for as long as this one, if it has prepared statements."""
        if vars(self).get(STATEMENTS):
            vars(self)[KEPT] = library_object


def _shut_down(noted: NotedSocket | None) -> None:
    if noted is not None:
        with contextlib.suppress(OSError), noted.duplicate() as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


class Sharing:
    """The calls in which older C extensions let no other thread run: a host that is silent would stop the program.

    Each does what the driver's own does, by the client library itself or by a statement.
    """

    _cmysql: Any
    handle_unread_result: Callable[[], None]
    fetch_eof_status: Callable[[], Any]
    reconnect: Callable[..., None]
    _post_connection: Callable[[], None]

    def is_connected(self) -> bool:
        """Tell whether the server answers."""
        if not self._cmysql:
            return False
        self.handle_unread_result()
        return client_library.ping(self._cmysql)

    def ping(self, reconnect: bool = False, attempts: int = 1, delay: int = 0) -> None:
        """Ask the server for an answer; raises InterfaceError if there is none and it is not to be connected again."""
        if self.is_connected():
            return
        if not reconnect:
            raise InterfaceError("Connection to MySQL is not available")
        self.reconnect(attempts=attempts, delay=delay)

    def commit(self) -> None:
        """Commit the open transaction."""
        if self._cmysql:
            self.handle_unread_result()
            self._cmysql.query(b"COMMIT")

    def cmd_reset_connection(self) -> bool:
        """Have the server begin the session anew; False if it does not."""
        done = client_library.reset(self._cmysql)
        if done:
            self._post_connection()
        return done

    def cmd_refresh(self, options: int) -> Any:
        """Have the server refresh what the flags say."""
        self.handle_unread_result()
        if _REFUSES_ANY_OTHER and not options & _REFRESHED:
            raise ValueError("Invalid command REFRESH option")
        client_library.refresh(self._cmysql, options)
        return self.fetch_eof_status()
