"""A fake driver that differs from psycopg in all that drivers may differ in, as those of MySQL do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.contract import DriverIo, ErrorKind
from aws_advanced_python_wrapper.testing import FakeAdapter, FakeConnection, FakeCursor, NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.testing import FakeNetwork

Row = tuple[str | None, ...]


class BareError(Exception):
    """What the driver raises although it is no error of PEP 249's."""


class OtherAdapter(FakeAdapter):
    """Limits no waits, asks the server for `autocommit`, commits at no end of a block, and raises `BareError`s."""

    limits_waits = False
    commits_on_exit = False
    awaited_cursors = True
    getters = frozenset({"autocommit"})
    cursor_calls = frozenset({"nextset"})

    def __init__(self, network: FakeNetwork, *, asynchronous: bool) -> None:
        super().__init__(network, asynchronous=asynchronous)
        self.heard: Callable[[], float | None] = lambda: None

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        return (*super().failures, BareError)

    def blocking(self) -> OtherAdapter:
        return OtherAdapter(self.network, asynchronous=False)

    def limit_waits(self, raw: FakeConnection, seconds: float | None, address: str) -> None:
        del raw, seconds, address

    def last_heard(self, raw: FakeConnection) -> float | None:
        del raw
        return self.heard()

    async def open(self, io: DriverIo, arguments: Mapping[str, Any]) -> OtherConnection:
        try:
            raw: Any = await super().open(io, arguments)
        except NetworkError as error:
            raise BareError(*error.args) from None
        raw.__class__ = OtherConnection
        opened: OtherConnection = raw
        opened.says_autocommit = opened.__dict__.pop("autocommit")
        return opened

    async def copy_state(
        self, io: DriverIo, old: Any, new: Any, deadline: Deadline, *, read_only: bool | None = None
    ) -> None:
        del io, deadline, read_only
        new.says_autocommit = old.says_autocommit

    def snapshot(self, raw: Any) -> Any:
        return raw.says_autocommit, frozenset(vars(raw))

    async def autocommit(self, io: DriverIo, raw: Any) -> bool:
        return bool(await io.call(lambda: raw.autocommit))

    def classify(self, error: BaseException, raw: FakeConnection | None = None) -> ErrorKind:
        return ErrorKind.NETWORK if isinstance(error, BareError) else super().classify(error, raw)


class OtherConnection(FakeConnection):
    """Its `autocommit` is what the server says; its calls raise `BareError` where the connection is lost."""

    says_autocommit: bool

    @property
    def autocommit(self) -> Any:
        return self.flavoured(self._asked())

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self.says_autocommit = value

    async def _asked(self) -> bool:
        await self.perform("SELECT @@autocommit")
        return self.says_autocommit

    def cursor(self) -> OtherCursor:
        return OtherCursor(self)

    async def perform(self, sql: str) -> list[Row]:
        try:
            return await super().perform(sql)
        except NetworkError as error:
            raise BareError(*error.args) from None

    def close(self) -> Any:
        return self.flavoured(self._ended())

    async def _ended(self) -> None:
        was_lost = self.lost
        await self._close()
        if was_lost:
            raise BareError("the connection is lost already")


class OtherCursor(FakeCursor):
    """Its statements return nothing; or, with an option, a cursor for each, which is executed when it is asked for."""

    connection: OtherConnection

    def execute(self, sql: str, params: Any = None, multi: bool = False) -> Any:
        del params
        return self._each(sql.split(";")) if multi else self.connection.flavoured(self._executed(sql))

    async def _executed(self, sql: str) -> None:
        await self._execute(sql)

    def _each(self, statements: list[str]) -> Iterator[OtherCursor]:
        for sql in statements:
            cursor = OtherCursor(self.connection)
            cursor.execute(sql)
            yield cursor

    def nextset(self) -> Any:
        return self.connection.flavoured(self._next())

    async def _next(self) -> bool:
        await self._execute("NEXT")
        return True
