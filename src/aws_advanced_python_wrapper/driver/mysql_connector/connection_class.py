"""The class that connections of MySQL Connector/Python get once they are open: the driver's own, and a little more."""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import mysql.connector
from mysql.connector import MySQLConnection, pooling
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.version import VERSION

from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS
from aws_advanced_python_wrapper.driver.mysql.cursors import note_connection, noted_connection
from aws_advanced_python_wrapper.driver.mysql.remembering import RememberingConnection
from aws_advanced_python_wrapper.driver.mysql_connector.connection_arguments import POOL_ARGUMENTS
from aws_advanced_python_wrapper.driver.mysql_connector.extension import Ended, Freed, Sharing
from aws_advanced_python_wrapper.driver.mysql_connector.opening import Opening, timed_out
from aws_advanced_python_wrapper.driver.mysql_connector.over_tls import ExtensionOverTls, PureOverTls
from aws_advanced_python_wrapper.driver.mysql_connector.pure import Pure
from aws_advanced_python_wrapper.driver.preceding import preceded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_advanced_python_wrapper.driver.sockets import NotedSocket

# From this version on, the C extension lets other threads run in all its calls.
_SHARES = VERSION[:2] >= (9, 4)

_EXTENSIONS: Any = getattr(mysql.connector, "CMySQLConnection", None)

_OPENED = "_when_opened"


def follow(connection: Any, opened: Callable[[Any], None]) -> None:
    """Make an open connection one of ours, and have `opened` called with it now and whenever it has opened again."""
    vars(connection)[_OPENED] = opened
    if not isinstance(connection, Followed):
        drivers: Any = type(connection)
        connection.__class__ = preceded(drivers, *_parts(drivers))
        connection.begin_notes()
        if isinstance(connection, Pure):
            connection.take_over_socket()
    opened(connection)


def opener(connect: Any, arguments: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what opens a connection, and its arguments: a class of ours where all depends on it from the start.

    That is to let other threads run while a connection opens, and to tell a token over TLS only. The driver's own
    function knows nothing of our classes.
    """
    has_token, given = ONLY_OVER_TLS in arguments, {k: v for k, v in arguments.items() if k != ONLY_OVER_TLS}
    drivers = class_of(connect, given)
    is_extension = drivers is not None and _EXTENSIONS is not None and issubclass(drivers, _EXTENSIONS)
    if not has_token and (not is_extension or _SHARES or POOL_ARGUMENTS & given.keys()):
        return connect, given
    first = ((ExtensionOverTls if is_extension else PureOverTls),) if has_token else ()
    options = {**getattr(connect, "keywords", {}), **given}
    options.pop("use_pure", None)
    return preceded(drivers, *first, *_parts(drivers)), options


def class_of(connect: Any, arguments: Mapping[str, Any]) -> Any:
    """Return the driver's, or the program's, class of what a connect function opens; None where it tells none."""
    if isinstance(connect, partial):
        return class_of(connect.func, {**connect.keywords, **arguments})
    if any(connect is name or connect is inspect.unwrap(name) for name in _drivers_names()):
        return MySQLConnection if arguments.get("use_pure") or not _EXTENSIONS else _EXTENSIONS
    return connect if isinstance(connect, type) and issubclass(connect, MySQLConnectionAbstract) else None


def _drivers_names() -> tuple[Any, ...]:
    """Return what the driver's function is called; tools that watch programs may have put another in some place."""
    return mysql.connector.connect, mysql.connector.Connect, pooling.connect


class Followed(RememberingConnection):
    """Tells when it has opened again."""

    timed_out = staticmethod(timed_out)
    unread_result: bool

    def ending(self) -> Callable[[], object]:
        """Return what ends, from any thread, what this one waits for while it opens the connection."""
        return Opening().end

    def _open_connection(self) -> None:
        super()._open_connection()
        if (opened := vars(self).get(_OPENED)) is not None:
            opened(self)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Make a cursor that knows its connection even when it is closed."""
        cursor = super().cursor(*args, **kwargs)  # type: ignore[misc]
        note_connection(cursor, self)
        return cursor

    def close(self) -> None:
        """Close the connection; its socket is left to the process from which this one was forked."""
        self.leave_to_parent()
        super().close()  # type: ignore[misc]

    def disconnect(self) -> None:
        """Close the connection."""
        self.leave_to_parent()
        super().disconnect()  # type: ignore[misc]

    def shutdown(self) -> None:
        """End the connection without a word to the server, where the driver can."""
        self.leave_to_parent()
        super().shutdown()  # type: ignore[misc]

    def cmd_quit(self) -> Any:
        """Say farewell to the server."""
        self.leave_to_parent()
        return super().cmd_quit()  # type: ignore[misc]

    def leave_to_parent(self) -> None:
        """Leave an inherited socket to the process from which this one was forked; in that one nothing is done."""
        noted: NotedSocket | None = vars(self).get("_noted_socket", (None, None))[1]
        if noted is not None:
            with suppress(OSError):
                noted.leave_to_parent()

    def __del__(self) -> None:
        """Leave an inherited socket to the parent: what the driver does when it is freed would end it there too.

        With rows on their way the socket is shut down: the C extension would read them all, however long it takes.
        """
        noted: NotedSocket | None = vars(self).get("_noted_socket", (None, None))[1]
        if noted is not None:
            try:  # modules may be gone when the interpreter ends
                noted.leave_to_parent()
                if vars(self).get("_cmysql") and self.unread_result:
                    noted.shut_down()
            except (OSError, AttributeError, TypeError):
                pass


def moved(connection: Any) -> tuple[Any, bool]:
    """Return an object of the same class to which a connection's session has moved, and whether it is sole with that.

    The first object has ended then, and with it all cursors. Sole is who does not share the session with a thread that
    is inside a call.
    """
    twin = object.__new__(type(connection))
    vars(twin).update(vars(connection))
    connection._noted_socket = (None, None)  # noqa: SLF001 - ours
    if hasattr(connection, "_cmysql"):
        name, library_object = "_cmysql", connection._cmysql  # noqa: SLF001 - there is no other way
        connection._cmysql = Ended(type(library_object)(), library_object.st_server_status())  # noqa: SLF001
        connection.keep_for_statements(library_object)
        del library_object
    else:
        name, connection._socket = "_socket", None  # noqa: SLF001
    # One reference of the twin itself, and one of the noted socket's.
    return twin, sys.getrefcount(vars(twin)[name]) <= sys.getrefcount(object()) + 2


def connection_of(cursor: Any) -> Any:
    """Return the connection of a cursor; None for one that the driver has made for itself, and that is closed."""
    found = noted_connection(cursor)
    if found is None:
        drivers = getattr(cursor, "_connection", None) or getattr(cursor, "_cnx", None)  # a weak reference
        found = drivers and drivers.get_self()
    return found


def _parts(drivers: type) -> tuple[type, ...]:
    if not hasattr(drivers, "_server_status"):
        return (Followed, Pure)
    return (Followed, Freed) if _SHARES else (Followed, Freed, Sharing)
