"""Blocks in which a connection is read-only, or is not, and works on the host where such work belongs.

What they do is written once, as coroutines that both flavours drive.
"""

from __future__ import annotations

import logging
from contextlib import AsyncContextDecorator, ContextDecorator
from typing import TYPE_CHECKING, Any, Protocol

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.errors import ReadWriteSplittingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.core.session import Session

logger = logging.getLogger(__name__)

_IN_TRANSACTION = "25001"  # SQLSTATE "active SQL transaction"


class Scope(Protocol):
    """What is done where a block begins and ends."""

    async def enter(self) -> Any:
        """Return what the block gives to the program."""
        ...

    async def leave(self, error: BaseException | None) -> bool:
        """Tell whether the error inside is to go no further."""
        ...


class ModeScope:
    """A connection is read-only or writable, then as and where it was before.

    An open transaction that is of the kind already stays as it is, and open.
    `mark` sets `read_only` on the driver's own connection, and moves nothing.
    """

    def __init__(self, session: Session, connection: Any, mark: Callable[[bool | None], Any], read_only: bool) -> None:
        self._session = session
        self._connection = connection
        self._mark = mark
        self._read_only = read_only
        self._before: tuple[bool | None, HostRole | None, bool] | None = None

    async def enter(self) -> Any:
        """Move; raises what setting `read_only` raises."""
        session = self._session
        if not self.is_inside(read_only=self._read_only):
            before = session.adapter.read_only(session.raw), session.wanted_role, self._reads
            await session.io.call(self._connection.set_read_only, self._read_only)
            self._before = before
        return self._connection

    def is_inside(self, *, read_only: bool) -> bool:
        """Tell whether a transaction of this kind is open; none is where the connection is known to be lost."""
        adapter, raw = self._session.adapter, self._session.raw
        return adapter.is_busy(raw) and not adapter.is_closed(raw) and bool(adapter.read_only(raw)) is read_only

    @property
    def _reads(self) -> bool:
        """Whether the session is where reads belong: as the program has said, or else as the endpoint has it."""
        return (self._session.wanted_role or self._session.host.role) is HostRole.READER

    async def leave(self, error: BaseException | None) -> bool:
        """Commit, or roll back after an error, and move back. The error inside wins over those that come of this."""
        if self._before is not None and not self._session.closed:
            if error is not None:
                await self._give_up(error)
                return False
            try:
                await self._session.io.call(self._connection.commit)
            except BaseException as failure:
                await self._give_up(failure)
                raise
            await self._move_back()
        return False

    async def _give_up(self, error: BaseException) -> None:
        for step in (self._roll_back, self._move_back):
            try:
                await step()
            except Exception as second:  # noqa: BLE001, PERF203 - the program is to see what ended its block
                logger.warning("a block ended by %s; ignored as it was left: %s", type(error).__name__, second)

    async def _roll_back(self) -> None:
        if not self._connection.closed:
            await self._session.io.call(self._connection.rollback)

    async def _move_back(self) -> None:
        if self._before is None or self._connection.closed:
            return
        read_only, wanted_role, reads = self._before
        await self._session.route(reads)
        await self._session.io.call(self._mark, read_only)
        self._session.wanted_role = wanted_role


class TransactionScope:
    """A transaction block of the driver's, on the host for its kind of transactions."""

    def __init__(self, session: Session, mode: ModeScope, make: Callable[[], Any], read_only: bool) -> None:
        self._session = session
        self._mode = mode
        self._make = make
        self._read_only = read_only
        self._block: Any = None

    async def enter(self) -> Any:
        """Move and begin."""
        if self._mode.is_inside(read_only=not self._read_only):
            raise self._refusal()
        await self._mode.enter()
        try:
            self._block = self._make()
            return await self._session.io.call(self._method("enter"))
        except BaseException as error:
            await self._mode.leave(error)
            raise

    async def leave(self, error: BaseException | None) -> bool:
        """Commit or roll back as the driver's block does, and move back."""
        end = self._method("exit")
        try:
            suppressed = bool(
                await self._session.io.call(end, type(error) if error else None, error, error and error.__traceback__)
            )
        except BaseException as failure:
            await self._mode.leave(failure)
            raise
        await self._mode.leave(None if suppressed else error)
        return suppressed

    def _method(self, name: str) -> Any:
        flavoured = f"__a{name}__"
        return getattr(self._block, flavoured if hasattr(type(self._block), flavoured) else f"__{name}__")

    def _refusal(self) -> ReadWriteSplittingError:
        open_one, wanted = ("writable", "read-only") if self._read_only else ("read-only", "writable")
        error = self._session.adapter.error(
            ReadWriteSplittingError,
            f"A {wanted} transaction cannot begin inside a {open_one} one: commit or roll back first, "
            "or leave read_only out for a savepoint.",
        )
        error.sqlstate = _IN_TRANSACTION
        return error


class _Block:
    """A context manager that makes its scope when it is entered, and so may be used again, or as a decorator."""

    def __init__(self, make: Callable[[], Scope]) -> None:
        self._make = make
        self._scope: Any = None

    def _recreate_cm(self) -> Self:
        return type(self)(self._make)


class Block(_Block, ContextDecorator):
    """The blocking flavour."""

    def __enter__(self) -> Any:
        self._scope = self._make()
        return run(self._scope.enter())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return bool(run(self._scope.leave(error)))


class AsyncBlock(_Block, AsyncContextDecorator):
    """The asyncio flavour."""

    async def __aenter__(self) -> Any:
        self._scope = self._make()
        return await self._scope.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return bool(await self._scope.leave(error))
