"""The objects a program holds: a connection and its cursors, blocking flavour.

They answer for the driver's own: what is not named here is the driver's, read and written through. Calls that touch the
network go through the session, which watches them; rows that are already on the client are handed out by the driver's
cursor itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.answers import StaleCursor, of_class
from aws_advanced_python_wrapper.core.facades import ConnectionFacade, CursorFacade
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.core.scopes import Block, ModeScope, TransactionScope
from aws_advanced_python_wrapper.core.watched import On, setter, watched_rows
from aws_advanced_python_wrapper.driver.catalogue import default_connect
from aws_advanced_python_wrapper.errors import FailoverError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.driver.contract import RawCursor


logger = logging.getLogger(__name__)


class AwsWrapperConnection(ConnectionFacade):
    """A connection that survives the loss of its host. Make one with `connect`."""

    __slots__ = ()

    @of_class
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
        session = run(session_for(target, conninfo, kwargs, BlockingIo()))
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
        run(self._session.end())

    # What psycopg users expect

    def execute(self, query: Any, params: Any = None, **options: Any) -> AwsWrapperCursor:
        """Open a cursor, execute a statement on it and return it."""
        session = self._session
        return self._ours(session.call(session.raw.execute, query, params, **options))  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close unless a pool lent it; before, commit, or roll back after an error, where the driver's own does so."""
        if self.closed:
            run(self._session.give_up())
            return
        if not self._session.adapter.commits_on_exit:
            self.close()
            return
        try:
            self.commit() if kind is None else self._roll_back_quietly()
        except FailoverError:
            self._close_unless_lent()
            raise
        self._close_unless_lent()

    def _roll_back_quietly(self) -> None:
        try:
            with self._session.noted():  # nobody needs another connection: this one is about to be closed
                self._session.raw.rollback()
        except Exception as error:  # noqa: BLE001 - the program is to see the error that ended its block
            logger.warning("error ignored in rollback on %s: %s", self, error)

    def _close_unless_lent(self) -> None:
        if self._lender is None:
            self.close()

    # Where to work

    def reader(self) -> Block:
        """Return a block in which the connection is read-only, on a reader with the plugin `read_write_splitting`.

        Where it ends, an open transaction is committed, or rolled back after an error, and the connection is again as
        and where it was before. The block gives the connection to the program.
        """
        return Block(partial(self._mode, read_only=True))

    def writer(self) -> Block:
        """Return a block in which the connection is not read-only, on the writer; as `reader` otherwise."""
        return Block(partial(self._mode, read_only=False))

    def transaction(self, *args: Any, read_only: bool | None = None, **options: Any) -> Any:
        """Return the driver's transaction block; with `read_only` on the host for it, whatever it was before and after.

        Raises `ReadWriteSplittingError` as it begins, if a transaction of the other kind is open.
        """
        make = partial(self._block, "transaction", *args, **options)
        if read_only is None:
            return make()
        return Block(lambda: TransactionScope(self._session, self._mode(read_only=read_only), make, read_only))

    def _mode(self, *, read_only: bool) -> ModeScope:
        return ModeScope(self._session, self, self._mark_read_only, read_only)

    # What users of this driver's relatives expect

    @property
    def read_only(self) -> bool | None:
        """Whether transactions are read-only; None: as the server has it. Setting it is `set_read_only`."""
        return self._session.adapter.read_only(self._session.raw)

    @read_only.setter
    def read_only(self, value: bool | None) -> None:
        self.set_read_only(value)

    def set_read_only(self, value: bool | None) -> None:
        """Set whether transactions are read-only; with the plugin `read_write_splitting` the host changes too."""
        run(self._session.route(bool(value)))
        self._mark_read_only(value)

    def _mark_read_only(self, value: bool | None) -> None:
        session = self._session
        set_it = partial(session.adapter.set_read_only, session.io, session.raw)
        session.call(On(session.raw, lambda wanted: run(set_it(wanted)), "set_read_only"), value)

    def set_schema(self, schema: str | Sequence[str] | None) -> None:
        """Have tables named without schema looked up in this one, or in several in turn; None: in the default ones.

        It goes over to the next host, as the driver's own settings do; the driver's ProgrammingError is raised while a
        transaction is open.
        """
        session = self._session
        session.call(On(session.raw, lambda: run(session.state.set_schema(session.raw, schema)), "set_schema"))

    def set_role(self, role: str | None) -> None:
        """Go on with the rights of another role; None: with those that the session began with. As `set_schema`."""
        session = self._session
        session.call(On(session.raw, lambda: run(session.state.set_role(session.raw, role)), "set_role"))

    def set_autocommit(self, value: bool) -> None:
        """Set whether each statement is its own transaction."""
        self.autocommit = value

    def invalidate(self) -> None:
        """End the connection without waiting for its host."""
        run(self._session.give_up())

    def release_resources(self) -> None:
        """Let go of what the plugins hold; done by `close` as well."""
        self._session.release()

    def __setattr__(self, name: str, value: Any) -> None:
        session = self._session
        if name == "read_only":
            object.__setattr__(self, name, value)
        elif name in session.adapter.setters:
            session.call(setter(session.raw, name), value)
        else:
            setattr(session.raw, name, value)

    def _cursor(self, raw: RawCursor) -> AwsWrapperCursor:
        return AwsWrapperCursor(self, raw)


class AwsWrapperCursor(CursorFacade):
    """A cursor whose calls are watched. It ends with the connection it was opened on."""

    __slots__ = ()

    _connection: AwsWrapperConnection

    # PEP 249

    @property
    def connection(self) -> AwsWrapperConnection:
        """The connection that opened this cursor."""
        return self._connection

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Execute a statement; returns this cursor, or what the driver returns if it is to go through many results.

        The arguments are the driver's: the statement, its parameters, and the driver's own options.
        """
        # The commonest of all calls: without keywords it is a little quicker.
        call, execute = self._call, self._raw.execute
        result = call(execute, *args, **kwargs) if kwargs else call(execute, *args)
        return self if result is None or result is self._raw else self._ours_of_each(result)

    def _ours_of_each(self, result: Any) -> Any:
        if not isinstance(result, Iterator):
            return self._ours(result)
        return watched_rows(self._session, result, self._ours)

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        """Execute a statement once for each set of parameters. The arguments are the driver's."""
        self._call(self._raw.executemany, *args, **kwargs)

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        """Call a stored procedure, where the driver can."""
        return self._call(self._raw.callproc, *args, **kwargs)

    def close(self) -> Any:
        """Close the cursor; returns what the driver does."""
        if self._session.adapter.rows_are_local(self._raw):
            return self._raw.close()
        return self._call(self._raw.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        rows, session = iter(self._raw), self._session
        return rows if session.adapter.rows_are_local(self._raw) else watched_rows(session, rows)

    def become_stale(self, reason: str) -> None:
        """Answer every further call with an error; called when the connection has been replaced and closed."""
        stale = StaleCursor(self._session.adapter, reason)
        self._end(stale, stale.refuse, lambda lost: lost.close())
