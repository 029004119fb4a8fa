"""The objects a program holds: a connection and its cursors, blocking flavour.

They answer for the driver's own: what is not named here is the driver's, read and written through. Calls that touch the
network go through the session, which watches them; rows that are already on the client are handed out by the driver's
cursor itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

from aws_advanced_python_wrapper.core.answers import Facade, StaleCursor, answering_for
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.core.watched import watched, watched_rows
from aws_advanced_python_wrapper.driver.catalogue import default_connect
from aws_advanced_python_wrapper.errors import FailoverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.core.plugin import Plugin
    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.adapter import RawConnection, RawCursor


logger = logging.getLogger(__name__)


_ROWS = ("fetchone", "fetchmany", "fetchall")


class AwsWrapperConnection(Facade):
    """A connection that survives the loss of its host. Make one with `connect`."""

    __slots__ = ("__weakref__", "_session")

    _session: Session

    def __init__(self, session: Session) -> None:
        object.__setattr__(self, "_session", session)

    @classmethod
    def connect(
        cls, target: Callable[..., Any] | str | None = None, conninfo: str = "", *_args: Any, **kwargs: Any
    ) -> Self:
        """Open a connection with the driver's own connect function, for example `psycopg.Connection.connect`.

        `conninfo` is a connection string (``key=value`` or a URL); keyword arguments override it. Both take the
        driver's parameters and ours; the parameter reference lists ours with units and defaults. Further positional
        arguments are ignored. A connection string in the first place, as a pool gives it, means psycopg.

        Raises:
            AwsWrapperError: a parameter, plugin or dialect is unknown or has a value out of range.
            Exception: whatever the driver raises when it cannot connect, untouched.
        """
        if isinstance(target, str) and not conninfo:  # as a pool calls it
            return cls.connect(default_connect(), target, **kwargs)
        session = session_for(target, conninfo, kwargs, BlockingIo())
        run(session.connect())
        return cls(session)

    # PEP 249

    def cursor(self, *args: Any, **kwargs: Any) -> AwsWrapperCursor:
        """Open a cursor; the arguments are the driver's."""
        return AwsWrapperCursor(self, self._session.call(self._session.raw.cursor, *args, **kwargs))

    def commit(self) -> None:
        """Commit the open transaction."""
        self._session.call(self._session.raw.commit)

    def rollback(self) -> None:
        """Roll the open transaction back."""
        self._session.call(self._session.raw.rollback)

    def close(self) -> None:
        """Close the connection; closing it again does nothing. A pool may want it back instead."""
        pool: Any = None if self.closed else self._lender
        if getattr(pool, "close_returns", False):
            pool.putconn(self)
            return
        self._session.release()
        self._session.raw.close()

    # What psycopg users expect

    def execute(self, query: Any, params: Any = None, **options: Any) -> AwsWrapperCursor:
        """Open a cursor, execute a statement on it and return it."""
        session = self._session
        return self._ours(session.call(session.raw.execute, query, params, **options))  # type: ignore[no-any-return]

    def cancel(self) -> None:
        """Ask the server, from any thread, to end the statement that is running."""
        self._session.adapter.cancel(self._session.raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit, or roll back after an error; then close unless a pool lent it. All as psycopg does."""
        if self.closed:
            self._session.release()
            return
        try:
            self.commit() if kind is None else self._roll_back_quietly()
        except FailoverError:
            self._close_unless_lent()
            raise
        self._close_unless_lent()

    def _roll_back_quietly(self) -> None:
        try:
            self._session.raw.rollback()  # unwatched: nobody needs another connection, this one is about to be closed
        except Exception as error:  # noqa: BLE001 - the program is to see the error that ended its block
            logger.warning("error ignored in rollback on %s: %s", self, error)

    def _close_unless_lent(self) -> None:
        if self._lender is None:
            self.close()

    @property
    def _lender(self) -> Any:
        return self._session.adapter.pool_of(self._session.raw)

    # What users of this driver's relatives expect

    @property
    def target_connection(self) -> RawConnection:
        """The driver's own connection of the moment; after a failover it is another one."""
        return self._session.raw

    @property
    def closed(self) -> bool:
        """Whether the connection was closed or lost. No I/O."""
        return self._session.closed or self._session.adapter.is_closed(self._session.raw)

    @property
    def is_closed(self) -> bool:
        """The same as `closed`."""
        return self.closed

    def set_read_only(self, value: bool | None) -> None:
        """Set whether transactions are read-only."""
        self.read_only = value

    def set_autocommit(self, value: bool) -> None:
        """Set whether each statement is its own transaction."""
        self.autocommit = value

    def invalidate(self) -> None:
        """End the connection without waiting for its host."""
        self._session.release()
        run(self._session.discard(self._session.raw))

    def release_resources(self) -> None:
        """Let go of what the plugins hold; done by `close` as well."""
        self._session.release()

    def _unwrap(self, plugin_class: type[Plugin]) -> Plugin | None:
        return next((plugin for plugin in self._session.plugins if isinstance(plugin, plugin_class)), None)

    # Everything else is the driver's

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The driver's class, so that `isinstance(connection, psycopg.Connection)` holds."""
        return type(self._session.raw)

    @property
    def connection(self) -> Self:
        """This connection: psycopg's objects with adapters all have one."""
        return self

    @property
    def _raw(self) -> RawConnection:
        return self._session.raw

    def __getattr__(self, name: str) -> Any:
        return self._answer(name, self._session.adapter.connection_calls)

    def _ours(self, value: Any) -> Any:
        session = self._session
        if value is session.raw:
            return self
        return AwsWrapperCursor(self, value) if session.adapter.is_raw_cursor(value) else value

    def _rows_moved(self) -> None:
        for cursor in list(self._session._cursors):  # noqa: SLF001
            if isinstance(cursor, AwsWrapperCursor):
                cursor.bind_rows()

    def __setattr__(self, name: str, value: Any) -> None:
        session = self._session
        if name in session.adapter.setters:
            session.call(session.raw.__setattr__, name, value)
        else:
            setattr(session.raw, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._session.raw, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *dir(self._session.raw)})

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"cannot copy or pickle {self!r}: it is a live connection")

    def __repr__(self) -> str:
        return f"<{AwsWrapperConnection.__qualname__} to {self._session.host.address} around {self._session.raw!r}>"


class AwsWrapperCursor(Facade):
    """A cursor whose calls are watched. It ends with the connection it was opened on."""

    __slots__ = ("__weakref__", "_call", "_connection", "_raw", "_session", *_ROWS)

    _connection: AwsWrapperConnection
    _session: Session
    _raw: RawCursor
    _call: Callable[..., Any]
    fetchone: Callable[[], Any]
    """Return the next row, or None."""
    fetchmany: Callable[..., list[Any]]
    """Return the next rows, `arraysize` of them unless another number is given."""
    fetchall: Callable[[], list[Any]]
    """Return all rows that are left."""

    def __new__(cls, _connection: AwsWrapperConnection, raw: RawCursor) -> Self:
        """Make an instance of the class that answers for the raw cursor's class."""
        ours: Any = cls
        drivers: Any = type(raw)
        answering: type[Self] = answering_for(ours, drivers, _answer_of_cursor)
        return object.__new__(answering)

    def __init__(self, connection: AwsWrapperConnection, raw: RawCursor) -> None:
        session = connection._session  # noqa: SLF001 - connection and cursor are one facade
        bind = object.__setattr__
        bind(self, "_connection", connection)
        bind(self, "_session", session)
        bind(self, "_raw", raw)
        bind(self, "_call", session.call)
        self.bind_rows()
        session.add_cursor(self)

    def bind_rows(self) -> None:
        """Fetch by the driver's own methods where that touches no network."""
        session, raw = self._session, self._raw
        local = session.adapter.rows_are_local(raw)
        for name in _ROWS:
            method = getattr(raw, name)
            object.__setattr__(self, name, method if local else watched(session, method))

    # PEP 249

    @property
    def connection(self) -> AwsWrapperConnection:
        """The connection that opened this cursor."""
        return self._connection

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Execute a statement; returns this cursor. The options are the driver's."""
        self._call(self._raw.execute, query, params, **options)
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Execute a statement once for each set of parameters. The options are the driver's."""
        self._call(self._raw.executemany, query, params_seq, **options)

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        """Call a stored procedure, where the driver can."""
        return self._call(self._raw.callproc, *args, **kwargs)

    def nextset(self) -> bool | None:
        """Go on to the next result set."""
        return self._raw.nextset()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the cursor."""
        if self._session.adapter.rows_are_local(self._raw):
            self._raw.close()
        else:
            self._call(self._raw.close)

    # What users of this driver's relatives expect

    @property
    def target_cursor(self) -> RawCursor:
        """The driver's own cursor."""
        return self._raw

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        rows, session = iter(self._raw), self._session
        return rows if session.adapter.rows_are_local(self._raw) else watched_rows(session, rows)

    # Everything else is the driver's

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The driver's class, so that `isinstance(cursor, psycopg.Cursor)` holds."""
        return type(self._raw)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def _ours(self, value: Any) -> Any:
        return self if value is self._raw else self._connection._ours(value)  # noqa: SLF001

    def _rows_moved(self) -> None:
        self._connection._rows_moved()  # noqa: SLF001

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._raw, name, value)

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"cannot copy or pickle {self!r}: it belongs to a live connection")

    def __repr__(self) -> str:
        return f"<{AwsWrapperCursor.__qualname__} around {self._raw!r}>"

    def become_stale(self, reason: str) -> None:
        """Answer every further call with an error; called when the connection has been replaced and closed."""
        bind = object.__setattr__
        stale = StaleCursor(self._session.adapter, reason)
        lost = self._raw
        bind(self, "_raw", stale)
        for name in _ROWS:
            bind(self, name, stale.refuse)
        lost.close()  # touches no network: the connection is closed


def _answer_of_cursor(cursor: AwsWrapperCursor, name: str) -> Any:
    return cursor._answer(name, cursor._session.adapter.cursor_calls)  # noqa: SLF001
