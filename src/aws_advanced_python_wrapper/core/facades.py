"""What the connections and cursors of both flavours share: how they stand for the driver's own."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from aws_advanced_python_wrapper.core.answers import Facade, answering_for
from aws_advanced_python_wrapper.core.watched import On

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.contract import RawConnection, RawCursor

T = TypeVar("T")

_ROWS = ("fetchone", "fetchmany", "fetchall")


class ConnectionFacade(Facade):
    """Stands for the driver's connection of the moment."""

    __slots__ = ("__weakref__", "_session")

    close: Callable[[], Any]

    def __init__(self, session: Session) -> None:
        object.__setattr__(self, "_session", session)

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

    @property
    def connection(self) -> Self:
        """This connection: psycopg's objects with adapters all have one."""
        return self

    def cancel(self) -> None:
        """Ask the server, from any thread, to end the statement that is running; blocks meanwhile in both flavours."""
        self._session.adapter.cancel(self._session.raw)

    def _unwrap(self, plugin_class: type[T]) -> T | None:
        return next((plugin for plugin in self._session.plugins if isinstance(plugin, plugin_class)), None)

    @property
    def _raw(self) -> RawConnection:
        return self._session.raw

    @property
    def _lender(self) -> Any:
        """The pool that lent the connection to the program, or None."""
        return self._session.adapter.pool_of(self._session.raw)

    @abstractmethod
    def _cursor(self, raw: RawCursor) -> Any:
        """Make the cursor that stands for the driver's."""

    def _ours(self, value: Any) -> Any:
        session = self._session
        if value is session.raw:
            return self
        return self._cursor(value) if session.adapter.is_raw_cursor(value) else value

    def _rows_moved(self) -> None:
        for cursor in self._session.cursors:
            if isinstance(cursor, CursorFacade):
                cursor.bind_rows()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The driver's class, so that `isinstance(connection, psycopg.Connection)` holds."""
        return type(self._session.raw)

    def __getattr__(self, name: str) -> Any:
        session = self._session
        if name in session.adapter.getters:
            return self._caller(session)(On(session.raw, partial(getattr, session.raw, name), f"get_{name}"))
        if name in session.adapter.closers:
            return self.close
        return self._answer(name, session.adapter.connection_calls)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._session.raw, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._session.raw, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *dir(self._session.raw)})

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"cannot copy or pickle {self!r}: it is a live connection")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self._session.host.address} around {self._session.raw!r}>"


class CursorFacade(Facade):
    """Stands for a cursor of the driver's, by a class that is made for the driver's class of cursors."""

    # The fetch methods are in slots, where Python 3.12 and newer find them as fast as methods of a class.
    __slots__ = ("__weakref__", "_call", "_connection", "_raw", "_session", *_ROWS)

    _connection: Any
    _call: Callable[..., Any]
    fetchone: Callable[[], Any]
    """Return the next row, or None."""
    fetchmany: Callable[..., Any]
    """Return the next rows, `arraysize` of them unless another number is given."""
    fetchall: Callable[[], Any]
    """Return all rows that are left."""

    def __new__(cls, _connection: ConnectionFacade, raw: RawCursor) -> Self:
        """Make an instance of the class that answers for the raw cursor's class."""
        ours: Any = cls
        drivers: Any = type(raw)
        answering: type[Self] = answering_for(ours, drivers, _answer_of_cursor)
        return object.__new__(answering)

    def __init__(self, connection: ConnectionFacade, raw: RawCursor) -> None:
        session = connection._session  # noqa: SLF001 - connection and cursor are one facade
        bind = object.__setattr__
        bind(self, "_connection", connection)
        bind(self, "_session", session)
        bind(self, "_raw", raw)
        bind(self, "_call", self._caller(session))
        self.bind_rows()
        session.add_cursor(self)

    def bind_rows(self) -> None:
        """Fetch by the driver's own methods where that touches no network."""
        raw, bind = self._raw, object.__setattr__
        local = self._session.adapter.rows_are_local(raw)
        for name in _ROWS:
            method = getattr(raw, name)
            # What is bound must not refer to this cursor: in a cycle it would not be collected at once.
            bind(self, name, method if local else partial(self._call, method))

    @abstractmethod
    def become_stale(self, reason: str) -> None:
        """Answer every further call with an error; called when the connection has been replaced and closed."""

    def _end(self, stale: Any, refuse: Callable[..., Any], close: Callable[[RawCursor], object]) -> None:
        """Have another object stand for the driver's cursor, which is closed unless it may be in use.

        That touches no network: its connection, or what it had open at the server, has been closed.
        """
        lost, bind = self._raw, object.__setattr__
        bind(self, "_raw", stale)
        for name in _ROWS:
            bind(self, name, refuse)
        if not self._session.running:
            with suppress(*self._session.adapter.failures):
                close(lost)

    @property
    def target_cursor(self) -> RawCursor:
        """The driver's own cursor."""
        return self._raw

    def nextset(self) -> Any:
        """Go on to the next result set."""
        return self._answer("nextset", self._session.adapter.cursor_calls)()

    def _ours(self, value: Any) -> Any:
        return self if value is self._raw else self._connection._ours(value)  # noqa: SLF001

    def _rows_moved(self) -> None:
        self._connection._rows_moved()  # noqa: SLF001

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The driver's class, so that `isinstance(cursor, psycopg.Cursor)` holds."""
        return type(self._raw)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._raw, name, value)

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError(f"cannot copy or pickle {self!r}: it belongs to a live connection")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {self._raw!r}>"


def _answer_of_cursor(cursor: CursorFacade, name: str) -> Any:
    return cursor._answer(name, cursor._session.adapter.cursor_calls)  # noqa: SLF001
