"""Internal pools for blocking connections, made of SQLAlchemy's `QueuePool`. Needs SQLAlchemy 2.

from aws_advanced_python_wrapper.connection_provider import ConnectionProviderManager
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider

ConnectionProviderManager.set_connection_provider(SqlAlchemyPooledConnectionProvider())
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from aws_advanced_python_wrapper.core.pools import PooledConnectionProvider, PoolKey
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.pool import PoolProxiedConnection

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.connection_provider import Connect

__all__ = ["PoolKey", "SqlAlchemyPooledConnectionProvider"]


class SqlAlchemyPooledConnectionProvider(PooledConnectionProvider):
    """One `sqlalchemy.pool.QueuePool` for each host and user.

    `pool_configurator` returns arguments of `QueuePool`: `pool_size`, `max_overflow`, `timeout` and so on.
    """

    def lease(self, host: HostInfo, props: Mapping[str, Any], connect: Connect) -> SqlAlchemyLease:
        """Take an idle connection of the host's pool, or open one; waits for a place if all are taken.

        Raises `AwsWrapperError` when there is none in time, and what `connect` raises.
        """
        pool: _Pool = self._pool(host, props, connect)
        try:
            return pool.lease(connect)
        except PoolTimeoutError as error:
            raise AwsWrapperError(f"No connection to {host.address} became free in its pool: {error}") from error

    def _new_pool(self, options: dict[str, Any]) -> _Pool:
        return _Pool(options)


class _Pool:
    """SQLAlchemy's pool, and a way to open each connection with the arguments of the attempt that needs it."""

    usable = True

    def __init__(self, options: dict[str, Any]) -> None:
        self._attempt = threading.local()
        self._disposed = False
        try:
            # What a connection is reset to is our business: SQLAlchemy would roll back at a host that may be dead.
            self._queue = QueuePool(self._create, **{"reset_on_return": None, **options})
        except (TypeError, ArgumentError) as error:
            raise AwsWrapperError(f"pool_configurator: QueuePool does not take {sorted(options)}: {error}") from error

    @property
    def in_use(self) -> int:
        return self._queue.checkedout()

    def lease(self, connect: Callable[[], Any]) -> SqlAlchemyLease:
        while True:
            queue = self._queue
            self._attempt.connect, self._attempt.created = connect, False
            try:
                lent = SqlAlchemyLease(self, queue, queue.connect(), reused=not self._attempt.created)
            finally:
                del self._attempt.connect
            if not lent.reused or lent.notes.pop(_CLEAN, False):
                return lent
            lent.close()  # its user has let it drop

    def _create(self) -> Any:
        connection = self._attempt.connect()
        self._attempt.created = True
        return connection

    def accepts(self, queue: QueuePool) -> bool:
        """Tell whether connections of a queue may be given back."""
        return queue is self._queue and not self._disposed

    def forget_idle(self, queue: QueuePool) -> None:
        """Begin anew, unless that has been done since `queue` was the one in use."""
        if queue is self._queue:
            self._queue = queue.recreate()
            queue.dispose()

    def dispose(self) -> None:
        self._disposed = True
        self._queue.dispose()


_CLEAN = "clean"


class SqlAlchemyLease:
    """A connection out of a QueuePool."""

    def __init__(self, pool: _Pool, queue: QueuePool, proxied: PoolProxiedConnection, *, reused: bool) -> None:
        self.connection: Any = proxied.dbapi_connection
        self.reused = reused
        self.notes: dict[str, Any] = proxied.record_info if proxied.record_info is not None else {}
        self._pool = pool
        self._queue = queue
        self._process = os.getpid()
        self._proxied: PoolProxiedConnection | None = proxied

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection its parent's."""
        return os.getpid() != self._process

    def give_back(self) -> None:
        """Return the connection to its pool, or close it where that takes none any more."""
        if not self._pool.accepts(self._queue):
            self.close()
        elif proxied := self._taken():
            self.notes[_CLEAN] = True
            proxied.close()

    def invalidate(self, *, idle_too: bool = False) -> None:
        """Free the place in the pool. The connection itself is not touched: another thread may still be using it."""
        if proxied := self._taken():
            noted, self.notes = self.notes, dict(self.notes)
            noted.clear()  # the place is the next connection's
            proxied.detach()
        if idle_too:
            self._pool.forget_idle(self._queue)

    def close(self) -> None:
        """Free the place and close the connection, which nobody uses."""
        self.invalidate()
        self.connection.close()

    def _taken(self) -> PoolProxiedConnection | None:
        proxied, self._proxied = self._proxied, None
        return None if self.inherited else proxied

    def __del__(self) -> None:
        # Dropped without an end: SQLAlchemy takes the connection back as it is, perhaps in a transaction.
        if getattr(self, "_proxied", None) is not None and not self.inherited:
            with contextlib.suppress(Exception):
                self.connection.close()
