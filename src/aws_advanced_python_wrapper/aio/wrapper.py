"""The objects a program holds: a connection and its cursors, asyncio flavour.

They answer for the driver's own, as those of the blocking flavour do: what is not named here is the driver's, read and
written through.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.answers import of_class
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo, Truth, begun
from aws_advanced_python_wrapper.core.facades import ConnectionFacade, CursorFacade
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.core.scopes import AsyncBlock, ModeScope, TransactionScope
from aws_advanced_python_wrapper.core.watched import On
from aws_advanced_python_wrapper.core.watched_async import AsyncFacade, StaleAsyncCursor, watched_rows
from aws_advanced_python_wrapper.driver.awaitables import finish, result_of
from aws_advanced_python_wrapper.driver.catalogue import default_connect
from aws_advanced_python_wrapper.errors import FailoverError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.driver.contract import RawCursor


logger = logging.getLogger(__name__)


class AsyncAwsWrapperConnection(AsyncFacade, ConnectionFacade):
    """A connection that survives the loss of its host. Make one with `connect`; it belongs to the running loop."""

    __slots__ = ()

    @of_class
    async def connect(
        cls, target: Callable[..., Any] | str | None = None, conninfo: str = "", *_args: Any, **kwargs: Any
    ) -> Self:
        """Open a connection with the driver's own connect function, for example `psycopg.AsyncConnection.connect`.

        `conninfo` is a connection string (``key=value`` or a URL); keyword arguments override it. Both take the
        driver's parameters and ours; the parameter reference lists ours with units and defaults. Further positional
        arguments are ignored. A connection string in the first place, as a pool gives it, means psycopg.

        Raises:
            AwsWrapperError: a parameter, plugin or dialect is unknown or has a value out of range.
            Exception: whatever the driver raises when it cannot connect, untouched.
        """
        if isinstance(target, str) and not conninfo:
            return await cls.connect(default_connect(asynchronous=True), target, **kwargs)
        session = await session_for(target, conninfo, kwargs, AsyncioIo(), asynchronous=True)
        await session.connect()
        drivers_way: Any = PlainConnection if session.adapter.plain_methods else cls
        return drivers_way(session)  # type: ignore[no-any-return]

    # PEP 249

    def cursor(self, *args: Any, **kwargs: Any) -> AsyncAwsWrapperCursor:
        """Open a cursor; the arguments are the driver's. If the connection is lost, the cursor's first call says so."""
        session = self._session
        lost = session.cluster is not None and self.closed and not session.closed
        cursor_of = session.adapter.cursor_of_lost if lost else session.adapter.cursor
        return self._cursor(cursor_of(session.raw, *args, **kwargs))

    async def commit(self) -> None:
        """Commit the open transaction."""
        await self._session.acall(self._session.raw.commit)

    async def rollback(self) -> None:
        """Roll the open transaction back."""
        await self._session.acall(self._session.raw.rollback)

    async def close(self) -> None:
        """Close the connection; closing it again does nothing. A pool may want it back instead."""
        pool: Any = None if self.closed else self._lender
        if getattr(pool, "close_returns", False):
            await pool.putconn(self)
            return
        await self._session.end()

    # What psycopg users expect

    async def execute(self, query: Any, params: Any = None, **options: Any) -> AsyncAwsWrapperCursor:
        """Open a cursor, execute a statement on it and return it."""
        session = self._session
        cursor = await session.acall(session.raw.execute, query, params, **options)
        return self._ours(cursor)  # type: ignore[no-any-return]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close unless a pool lent it; before, commit, or roll back after an error, where the driver's own does so."""
        if self.closed:
            await self._session.give_up()
            return
        if not self._session.adapter.commits_on_exit:
            await self.close()
            return
        try:
            await (self.commit() if kind is None else self._roll_back_quietly())
        except FailoverError:
            await self._close_unless_lent()
            raise
        await self._close_unless_lent()

    async def _roll_back_quietly(self) -> None:
        try:
            with self._session.noted():  # nobody needs another connection: this one is about to be closed
                await self._session.raw.rollback()
        except Exception as error:  # noqa: BLE001 - the program is to see the error that ended its block
            logger.warning("error ignored in rollback on %s: %s", self, error)

    async def _close_unless_lent(self) -> None:
        if self._lender is None:
            await self.close()

    # Where to work

    def reader(self) -> AsyncBlock:
        """Return a block in which the connection is read-only, on a reader with the plugin `read_write_splitting`.

        Where it ends, an open transaction is committed, or rolled back after an error, and the connection is again as
        and where it was before. The block gives the connection to the program.
        """
        return AsyncBlock(partial(self._mode, read_only=True))

    def writer(self) -> AsyncBlock:
        """Return a block in which the connection is not read-only, on the writer; as `reader` otherwise."""
        return AsyncBlock(partial(self._mode, read_only=False))

    def transaction(self, *args: Any, read_only: bool | None = None, **options: Any) -> Any:
        """Return the driver's transaction block; with `read_only` on the host for it, whatever it was before and after.

        Raises `ReadWriteSplittingError` as it begins, if a transaction of the other kind is open.
        """
        make = partial(self._block, "transaction", *args, **options)
        if read_only is None:
            return make()
        return AsyncBlock(lambda: TransactionScope(self._session, self._mode(read_only=read_only), make, read_only))

    def _mode(self, *, read_only: bool) -> ModeScope:
        return ModeScope(self._session, self, self._mark_read_only, read_only)

    # What users of this driver's relatives expect

    @property
    def read_only(self) -> bool | None:
        """Whether transactions are read-only; None: as the server has it. No I/O."""
        return self._session.adapter.read_only(self._session.raw)

    async def get_read_only(self) -> bool | None:
        """Return whether transactions are read-only; None: as the server has it. No I/O."""
        return self.read_only

    async def set_read_only(self, value: bool | None) -> None:
        """Set whether transactions are read-only; with the plugin `read_write_splitting` the host changes too."""
        await self._session.route(bool(value))
        await self._mark_read_only(value)

    async def _mark_read_only(self, value: bool | None) -> None:
        await self._set("read_only", value)

    async def _set(self, name: str, value: Any) -> None:
        session = self._session
        set_on = getattr(session.adapter, f"set_{name}")
        await session.acall(On(session.raw, partial(set_on, session.io, session.raw), f"set_{name}"), value)

    async def set_schema(self, schema: str | Sequence[str] | None) -> None:
        """Have tables named without schema looked up in this one, or in several in turn; None: in the default ones.

        It goes over to the next host, as the driver's own settings do; the driver's ProgrammingError is raised while a
        transaction is open.
        """
        session = self._session
        await session.acall(On(session.raw, lambda: session.state.set_schema(session.raw, schema), "set_schema"))

    async def set_role(self, role: str | None) -> None:
        """Go on with the rights of another role; None: with those that the session began with. As `set_schema`."""
        session = self._session
        await session.acall(On(session.raw, lambda: session.state.set_role(session.raw, role), "set_role"))

    async def get_autocommit(self) -> bool:
        """Return whether each statement is its own transaction."""
        session = self._session
        return await session.adapter.autocommit(session.io, session.raw)

    async def set_autocommit(self, value: bool) -> None:
        """Set whether each statement is its own transaction."""
        await self._set("autocommit", value)

    async def invalidate(self) -> None:
        """End the connection without waiting for its host."""
        await self._session.give_up()

    async def release_resources(self) -> None:
        """Let go of what the plugins hold; done by `close` as well."""
        self._session.release()

    def _cursor(self, raw: RawCursor) -> AsyncAwsWrapperCursor:
        cursor_class = AwaitedCursor if self._session.adapter.awaited_cursors else AsyncAwsWrapperCursor
        return cursor_class(self, raw)


class PlainConnection(AsyncAwsWrapperConnection):
    """A connection of a driver with plain methods where others have coroutines: to call them is enough.

    They may be awaited too.
    """

    __slots__ = ()

    def get_autocommit(self) -> Truth:  # type: ignore[override]
        """Return whether each statement is its own transaction."""
        return Truth(result_of(super().get_autocommit()))

    def close(self) -> Awaitable[None]:  # type: ignore[override]
        """Close the connection; closing it again does nothing. What there is to wait for goes on in a task."""
        return begun(super().close())


class AsyncAwsWrapperCursor(AsyncFacade, CursorFacade):
    """A cursor whose calls are watched. It ends with the connection it was opened on."""

    __slots__ = ()

    _connection: AsyncAwsWrapperConnection

    # PEP 249

    @property
    def connection(self) -> AsyncAwsWrapperConnection:
        """The connection that opened this cursor."""
        return self._connection

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Execute a statement; returns this cursor, or the number of rows if the driver does.

        The arguments are the driver's: the statement, its parameters, and the driver's own options.
        """
        result = await self._call(self._raw.execute, *args, **kwargs)
        return self if result is None or result is self._raw else result

    async def executemany(self, *args: Any, **kwargs: Any) -> Any:
        """Execute a statement once for each set of parameters; returns what the driver does.

        The arguments are the driver's.
        """
        return await self._call(self._raw.executemany, *args, **kwargs)

    async def callproc(self, *args: Any, **kwargs: Any) -> Any:
        """Call a stored procedure, where the driver can."""
        return await self._call(self._raw.callproc, *args, **kwargs)

    async def close(self) -> Any:
        """Close the cursor; returns what the driver does."""
        if self._session.adapter.rows_are_local(self._raw):
            return await self._raw.close()
        return await self._call(self._raw.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Any]:
        # MySQL Connector/Python has a coroutine there, of which Python can make nothing.
        rows = self._raw if hasattr(self._raw, "__anext__") else aiter(self._raw)
        session = self._session
        return rows if session.adapter.rows_are_local(self._raw) else watched_rows(session, rows)

    def become_stale(self, reason: str) -> None:
        """Answer every further call with an error; called when the connection has been replaced and closed."""
        stale = StaleAsyncCursor(self._session.adapter, reason)
        self._end(stale, stale.refuse_when_awaited, lambda lost: finish(lost.close()))


class AwaitedCursor(AsyncAwsWrapperCursor):
    """A cursor of a driver whose users await it before they use it; here they need not."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Self]:
        yield from ()
        return self
