"""The fake driver's connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.testing.cursor import FakeCursor
from aws_advanced_python_wrapper.testing.errors import NetworkError, ReadOnlyError
from aws_advanced_python_wrapper.testing.gates import Gates
from aws_advanced_python_wrapper.testing.host import State

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.testing.host import FakeHost
    from aws_advanced_python_wrapper.testing.traffic import Rows


SESSION_QUERY = "SESSION "


class FakeConnection:
    """A connection of either flavour: what may wait returns its result, or a coroutine in the asyncio flavour."""

    def __init__(self, host: FakeHost, arguments: dict[str, Any], *, asynchronous: bool) -> None:
        self.host = host
        self.arguments = arguments
        """The keyword arguments that it was opened with."""
        self.application: str = arguments.get("application_name", "")
        self.asynchronous = asynchronous
        self.statements: list[str] = []
        """What was executed on it, in order; the driver's own queries are not among it."""
        self.autocommit = False
        self.session_state: dict[str, Any] = {}
        """Schema and role, as they were set through the driver."""
        self.closed = False
        self.wait_limit: float | None = None
        """Seconds after which a statement ends with `timed_out`, and the connection is lost."""
        self.timed_out: Callable[[], Exception] = NetworkError
        self.in_transaction = 0
        self._read_only = False
        self._wants_read_only = False
        self.pipelined = False
        self._lost = False
        self._waiting = Gates()

    @property
    def transaction_status(self) -> int:
        """Whether a transaction is open: 1, or 0."""
        return self.in_transaction

    @property
    def lost(self) -> bool:
        """Whether the host has cut the connection, which a program learns at its next call."""
        return self._lost

    def cursor(self) -> FakeCursor:
        """Open a cursor."""
        return FakeCursor(self)

    def execute(self, sql: str, params: Any = None) -> Any:
        """Execute a statement on a new cursor, and return that."""
        return self.cursor().execute(sql, params)

    def commit(self) -> Any:
        """End the transaction."""
        return self.flavoured(self.perform("COMMIT"))

    def rollback(self) -> Any:
        """End the transaction, undoing it."""
        return self.flavoured(self.perform("ROLLBACK"))

    def tpc_begin(self, xid: str) -> Any:
        """Begin a two-phase transaction."""
        return self.flavoured(self.perform(f"TPC {xid}"))

    def transaction(self) -> FakeTransaction:
        """Return a block that begins a transaction, and commits it unless there is an error."""
        return FakeTransaction(self)

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[FakePipeline]:
        """Have rows fetched over the network. Blocking flavour only."""
        self.pipelined = True
        try:
            yield FakePipeline(self)
        finally:
            self.pipelined = False

    @property
    def read_only(self) -> bool:
        """Whether the program wants transactions that only read; the host is not told."""
        return self._wants_read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        if self.pipelined:
            self.execute("SYNC")
        self._wants_read_only = value

    def set_read_only(self, value: bool) -> Any:
        """Set `read_only`, in either flavour."""
        return self.flavoured(self._set("read_only", value))

    def set_autocommit(self, value: bool) -> Any:
        """Set `autocommit`, in either flavour."""
        return self.flavoured(self._set("autocommit", value))

    async def _set(self, name: str, value: bool) -> None:
        setattr(self, name, value)

    def close(self) -> Any:
        """End the connection."""
        return self.flavoured(self._close())

    def query(self, sql: str, timeout: float) -> Any:
        """Run one of the driver's own queries; `TimeoutError` after `timeout` seconds."""
        return self.flavoured(self._query(sql, timeout))

    def lose(self) -> None:
        """Break it: whoever waits for an answer, and every later call, finds the connection lost."""
        self._lost = True
        self._waiting.open(for_good=True)

    def wake(self) -> None:
        """Let those who wait for the host look at it again."""
        self._waiting.open()

    def flavoured(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return a coroutine in the asyncio flavour, its result in the blocking one."""
        return coroutine if self.asynchronous else run(coroutine)

    async def perform(self, sql: str) -> Rows:
        """Have a statement of the program's executed by the host."""
        network = self.host.cluster.network
        self.statements.append(sql)
        network.log.append((self.host.host_id, sql))
        if sql in network.faults:
            raise network.faults.pop(sql)  # in no variable: who leads to itself by its traceback outlives its session
        await self._wait_for_answer(sql)
        if sql == "BEGIN":
            self.in_transaction = 1
        if sql in ("COMMIT", "ROLLBACK"):
            self.in_transaction = 0
            self._read_only = False
        if sql == "SET READ ONLY":
            self._read_only = True
        if sql == "INSERT" and (self._read_only or not self.host.is_writer):
            raise ReadOnlyError("cannot execute INSERT in a read-only transaction")
        return network.results.get(sql) or self.host.answer(sql)

    async def _wait_for_answer(self, sql: str) -> None:
        try:
            await self._reach_host(self.wait_limit, asleep=sql == "SLEEP")
        except TimeoutError:
            await self._close()
            raise self.timed_out() from None

    async def _query(self, sql: str, timeout: float) -> Rows:
        await self._reach_host(timeout)
        if sql.startswith(SESSION_QUERY):
            network = self.host.cluster.network
            if SESSION_QUERY in network.faults:
                raise network.faults.pop(SESSION_QUERY)
            state = json.loads(sql.removeprefix(SESSION_QUERY))
            if state.pop("rollback", False):
                self.in_transaction = 0
            self.session_state.update(state)
        return self.host.answer(sql)

    async def _reach_host(self, timeout: float | None, *, asleep: bool = False) -> None:
        if self.asynchronous:
            await asyncio.sleep(0)
        if self.closed:
            raise NetworkError("the connection is closed")
        if (self.host.state is State.FROZEN or asleep) and not await self._waiting.passed(
            timeout, asynchronous=self.asynchronous
        ):
            raise TimeoutError("the host does not answer")
        if self._lost:
            self.closed = True
            raise NetworkError("server closed the connection unexpectedly")

    async def _close(self) -> None:
        self.closed = True
        self.lose()

    def __repr__(self) -> str:
        return f"<FakeConnection to {self.host.host_id}>"


class FakeTransaction:
    """What `transaction` returns; entering it gives the connection."""

    def __init__(self, connection: FakeConnection) -> None:
        self.connection = connection

    async def _begin(self) -> FakeConnection:
        await self.connection.perform("BEGIN")
        return self.connection

    async def _end(self, error: BaseException | None) -> None:
        if error is None:
            await self.connection.perform("COMMIT")
        elif not self.connection.closed:
            await self.connection.perform("ROLLBACK")

    def __enter__(self) -> FakeConnection:
        return run(self._begin())

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        run(self._end(error))

    async def __aenter__(self) -> FakeConnection:
        return await self._begin()

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        await self._end(error)


class FakePipeline:
    """What `pipeline` gives to the program."""

    def __init__(self, connection: FakeConnection) -> None:
        self.connection: Any = connection
        self._raw = connection

    def sync(self) -> Any:
        """Wait for what is under way."""
        return self._raw.execute("SYNC")
