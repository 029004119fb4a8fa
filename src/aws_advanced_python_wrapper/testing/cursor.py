"""The fake driver's cursor."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

    from aws_advanced_python_wrapper.testing.traffic import Rows


class Performer(Protocol):
    """A connection, as its cursors see it."""

    pipelined: bool

    def flavoured(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return a coroutine in the asyncio flavour, its result in the blocking one."""
        ...

    async def perform(self, sql: str) -> Rows:
        """Have a statement executed by the host."""
        ...


class FakeCursor:
    """A cursor of either flavour. Rows are those of the last statement."""

    arraysize = 1

    def __init__(self, connection: Performer) -> None:
        self.connection = connection
        self.rows: Iterator[tuple[str | None, ...]] = iter(())
        self.closed = False

    def execute(self, sql: str, params: Any = None) -> Any:
        """Execute a statement, and return this cursor."""
        del params
        return self.connection.flavoured(self._execute(sql))

    def executemany(self, sql: str, params_seq: Any) -> Any:
        """Execute a statement, once."""
        return self.execute(sql, params_seq)

    async def _execute(self, sql: str) -> FakeCursor:
        self.rows = iter(await self.connection.perform(sql))
        return self

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self.connection.flavoured(self._fetchone())

    async def _fetchone(self) -> Any:
        return next(self.rows, None)

    def fetchmany(self, size: int = 1) -> Any:
        """Return the next rows."""
        return self.connection.flavoured(self._fetchmany(size))

    async def _fetchmany(self, size: int | None = None) -> list[Any]:
        return list(itertools.islice(self.rows, size))

    def fetchall(self) -> Any:
        """Return all rows that are left."""
        return self.connection.flavoured(self._fetchmany())

    def scroll(self, sql: str) -> Any:
        """Touch the network."""
        return self.execute(sql)

    def stream(self, *statements: str) -> Iterator[tuple[str | None, ...]]:
        """Execute one statement for each row. Blocking flavour only."""
        for sql in statements:
            yield from self.execute(sql).rows

    def nextset(self) -> None:
        """Tell that there is no other result."""
        return

    def close(self) -> Any:
        """End the cursor."""
        return self.connection.flavoured(self._close())

    async def _close(self) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[Any]:
        return self.rows

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in self.rows:
            yield row
