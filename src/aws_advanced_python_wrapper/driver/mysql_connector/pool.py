"""The pools that MySQL Connector/Python keeps by itself, where a program asks for them."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mysql.connector import pooling
from mysql.connector.constants import CNX_POOL_ARGS
from mysql.connector.errors import Error
from mysql.connector.pooling import PooledMySQLConnection

from aws_advanced_python_wrapper.driver.mysql_connector import client_library
from aws_advanced_python_wrapper.driver.mysql_connector.connection_class import Followed, follow, moved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LENT_AS = "_lent_as"


def itself(raw: Any) -> Any:
    """Return the connection that a pool has lent, None once the pool has it back; any other as it is."""
    return raw._cnx if isinstance(raw, PooledMySQLConnection) else raw  # noqa: SLF001 - told nowhere else


def note_lent(raw: Any) -> None:
    """Have the connection that a pool has lent lead back to what the program holds."""
    if isinstance(raw, PooledMySQLConnection):
        vars(itself(raw))[_LENT_AS] = weakref.ref(raw)


def lent_as(connection: Any) -> Any:
    """Return what the program holds: what a pool has lent, or the connection."""
    reference = getattr(connection, _LENT_AS, None)
    raw = reference and reference()
    return connection if raw is None or itself(raw) is not connection else raw


def idle(arguments: Mapping[str, Any]) -> list[Any]:
    """Return the connections that lie in the pool from which these arguments lend."""
    pool = _pool(arguments)
    return [] if pool is None else list(pool._cnx_queue.queue)  # noqa: SLF001


def _pool(arguments: Mapping[str, Any]) -> Any:
    """Return the pool from which these arguments lend; None if they lend from none, or if it is still to be made."""
    if not any(name in arguments for name in CNX_POOL_ARGS):
        return None
    name = arguments.get("pool_name") or pooling.generate_pool_name(**arguments)
    return pooling._CONNECTION_POOLS.get(name)  # noqa: SLF001 - told nowhere else


def renew_password(arguments: Mapping[str, Any]) -> None:
    """Have the pool open connections, also again, with the password of these arguments: it has one user only."""
    pool = _pool(arguments)
    if pool is not None and "password" in arguments:
        pool._cnx_config["password"] = arguments["password"]  # noqa: SLF001 - `set_config` would have all reopen


def follow_idle(arguments: Mapping[str, Any], opened: Callable[[Any], None]) -> None:
    """Make those ours that lie in the pool; no other thread gets one of them meanwhile."""
    if not any(name in arguments for name in CNX_POOL_ARGS):
        return
    with pooling.CONNECTION_POOL_LOCK:
        for connection in idle(arguments):
            if not isinstance(connection, Followed):
                follow(connection, opened)


def leave_to_parent(connections: list[Any]) -> None:
    """Leave idle connections to the process from which this one was forked; here the pool finds them dead, and reopens.

    In that process itself nothing is done.
    """
    for connection in connections:
        if isinstance(connection, Followed):
            connection.leave_to_parent()


def end_those(connections: list[Any], abort: Callable[[Any], None]) -> None:
    """End connections, but not those that have been lent: a pool asks one in vain whether it is alive."""
    for connection in connections:
        if lent_as(connection) is connection:
            abort(connection)


def take_back(raw: Any) -> tuple[Any, bool]:
    """Take a connection from the program; nothing that it does with its objects reaches the pool's next user.

    Returns what gives the connection back to the pool when it is closed, and whether no thread is inside a call on it.
    """
    connection, raw._cnx = raw._cnx, None  # noqa: SLF001
    twin, sole = moved(connection)
    return PooledMySQLConnection(raw._cnx_pool, twin), sole  # noqa: SLF001


def put_another(raw: Any) -> Any:
    """Give a pool a connection that is still to be opened, if it has a place, for a lost one, which is returned."""
    connection, pool = raw._cnx, raw._cnx_pool  # noqa: SLF001
    raw._cnx = None  # noqa: SLF001
    if connection is not None:
        with suppress(Error, *client_library.ERRORS):
            pool.add_connection(type(connection)())
    return connection
