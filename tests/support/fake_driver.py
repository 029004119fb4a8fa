"""A database driver and clusters of hosts that exist in memory only, for tests of everything above the drivers.

A `FakeNetwork` holds host names (its DNS) and the hosts behind them. Hosts refuse, freeze, drop connections and change
roles on command; they answer the driver's own queries as an Aurora PostgreSQL host would, and speak a small language:
`BEGIN`, `COMMIT`, `ROLLBACK`, `SET READ ONLY`, `INSERT` (refused by readers), `SLEEP` (until the host is started,
though it may be up), and anything else returns the host's id.
The driver has a blocking and an asyncio flavour made of one source, and PEP 249's exception classes of its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_advanced_python_wrapper.cluster.endpoint import analyse
from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, RDS_PG
from aws_advanced_python_wrapper.driver.adapter import DriverAdapter, DriverIo, ErrorKind, Peer
from aws_advanced_python_wrapper.errors import AwsConnectError, QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import ModuleType

    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.properties import Settings

Rows: TypeAlias = list[tuple[str | None, ...]]
Gate: TypeAlias = "concurrent.futures.Future[None]"

DOMAIN = "c1x2y3z4abcd.us-east-2.rds.amazonaws.com"


class Warning(Exception):  # noqa: A001, N818 - PEP 249 gives the name
    pass


class Error(Exception):
    sqlstate: str | None = None


class InterfaceError(Error):
    pass


class DatabaseError(Error):
    pass


class DataError(DatabaseError):
    pass


class OperationalError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


class InternalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


class NetworkError(OperationalError):
    pass


class LoginError(OperationalError):
    pass


class ReadOnlyError(InternalError):
    pass


class State(Enum):
    UP = "up"
    REFUSING = "refusing"
    FROZEN = "frozen"


class FakeHost:
    """A server. What it does is changed from the test's thread at any moment."""

    def __init__(self, cluster: FakeCluster, host_id: str, *, is_writer: bool) -> None:
        self.cluster = cluster
        self.host_id = host_id
        self.is_writer = is_writer
        self.state = State.UP
        self.connections: list[FakeConnection] = []
        self.table: Rows | None = None
        """The host's own table of its cluster where it differs from the truth."""

    @property
    def name(self) -> str:
        return f"{self.host_id}.{self.cluster.domain}"

    def kill(self) -> None:
        self.state = State.REFUSING
        self.drop()

    def freeze(self) -> None:
        self.state = State.FROZEN

    def start(self) -> None:
        """Work again, be it after `kill` or `freeze`."""
        self.state = State.UP
        for connection in self.connections:
            connection.wake()
        self.cluster.network.wake()

    def drop(self) -> None:
        """Cut all connections; new ones are another matter."""
        for connection in self.connections:
            connection.lose()
        self.connections.clear()

    def answer(self, sql: str) -> Rows:
        if sql == AURORA_PG.probe_sql:
            return [("t" if self.cluster.aurora else "f",)]
        if sql == RDS_PG.probe_sql:
            return []
        if sql == AURORA_PG.identity_sql:
            return [(self.host_id, "f" if self.is_writer else "t")]
        if sql == AURORA_PG.members_sql:
            return self.cluster.rows() if self.table is None else self.table
        return [(self.host_id,)]

    def __repr__(self) -> str:
        return f"<FakeHost {self.host_id} {'writer' if self.is_writer else 'reader'} {self.state.value}>"


class FakeCluster:
    """Hosts called `<name>-1` (the writer), `<name>-2`, and so on, with the endpoints that a cluster has."""

    def __init__(
        self, network: FakeNetwork, name: str = "db", size: int = 3, *, domain: str = DOMAIN, aurora: bool = True
    ) -> None:
        self.network = network
        self.name = name
        self.domain = domain
        self.aurora = aurora
        self.hosts = [FakeHost(self, f"{name}-{number}", is_writer=number == 1) for number in range(1, size + 1)]
        self.writer_endpoint = f"{name}.cluster-{domain}"
        self.reader_endpoint = f"{name}.cluster-ro-{domain}"
        self.custom_endpoint = f"{name}-few.cluster-custom-{domain}"
        network.names.update({host.name: host for host in self.hosts})
        network.names[self.writer_endpoint] = self.hosts[0]
        network.names[self.reader_endpoint] = network.names[self.custom_endpoint] = self.hosts[-1]

    def __getitem__(self, number: int) -> FakeHost:
        """Return a host by its number, from 1."""
        return self.hosts[number - 1]

    def rows(self) -> Rows:
        return [(host.host_id, "t" if host.is_writer else "f", "10", None) for host in self.hosts]

    def fail_over(self, to: int, *, drop: bool = True) -> None:
        """Change roles; DNS goes on naming the old writer."""
        for host in self.hosts:
            changed = host.is_writer != (host is self[to])
            host.is_writer = host is self[to]
            if changed and drop:
                host.drop()


@dataclass
class FakeNetwork:
    """Names, and the hosts behind them; its `connect` and `aconnect` are the connect functions of the driver."""

    names: dict[str, FakeHost] = field(default_factory=dict)
    refused_users: set[str] = field(default_factory=set)
    faults: dict[str, BaseException] = field(default_factory=dict)
    """Statement -> what its next execution raises."""
    after_connect: Callable[[], None] = lambda: None
    """Called after each connection that is opened."""
    opened: list[FakeConnection] = field(default_factory=list)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    """(application name, host name) of each attempt to connect."""
    _waiting: list[Gate] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, **arguments: Any) -> FakeConnection:
        return run(self._connect(arguments, asynchronous=False))

    async def aconnect(self, **arguments: Any) -> FakeConnection:
        return await self._connect(arguments, asynchronous=True)

    async def _connect(self, arguments: dict[str, Any], *, asynchronous: bool) -> FakeConnection:
        name = arguments["host"]
        application = arguments.get("application_name", "")
        self.attempts.append((application, name))
        host = self.names.get(arguments.get("hostaddr") or name)
        if host is None:
            raise NetworkError(f"could not translate host name {name!r}")
        if host.state is State.FROZEN:
            gate: Gate = concurrent.futures.Future()
            with self._lock:
                self._waiting.append(gate)
            if not await _wait(gate, arguments.get("connect_timeout"), asynchronous=asynchronous):
                raise NetworkError("connection timeout expired")
        if host.state is not State.UP:
            raise NetworkError(f"connection to {name} refused")
        if arguments.get("user") in self.refused_users:
            raise LoginError(f"password authentication failed for user {arguments.get('user')!r}")
        connection = FakeConnection(host, arguments, asynchronous=asynchronous)
        host.connections.append(connection)
        self.opened.append(connection)
        self.after_connect()
        return connection

    def opened_by(self, application: str) -> list[FakeConnection]:
        return [connection for connection in self.opened if connection.application == application]

    def attempts_by(self, application: str) -> list[str]:
        return [name for by, name in self.attempts if by == application]

    def wake(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for gate in waiting:
            gate.set_result(None)

    def close(self) -> None:
        """Let nothing wait any more: a test has ended."""
        for host in set(self.names.values()):
            host.kill()
        self.wake()


class FakeConnection:
    """A connection of either flavour: what may wait returns its result, or a coroutine in the asyncio flavour."""

    def __init__(self, host: FakeHost, arguments: dict[str, Any], *, asynchronous: bool) -> None:
        self.host = host
        self.arguments = arguments
        self.application: str = arguments.get("application_name", "")
        self.asynchronous = asynchronous
        self.statements: list[str] = []
        self.autocommit = False
        self.closed = False
        self.in_transaction = 0
        self._read_only = False
        self._wants_read_only = False
        self.pipelined = False
        self._lost = False
        self._waiting: list[Gate] = []
        self._lock = threading.Lock()

    @property
    def transaction_status(self) -> int:
        return self.in_transaction

    # what a program calls

    def cursor(self) -> FakeCursor:
        return FakeCursor(self)

    def execute(self, sql: str, params: Any = None) -> Any:
        return self.cursor().execute(sql, params)

    def commit(self) -> Any:
        return self._flavoured(self._execute("COMMIT"))

    def rollback(self) -> Any:
        return self._flavoured(self._execute("ROLLBACK"))

    def tpc_begin(self, xid: str) -> Any:
        return self._flavoured(self._execute(f"TPC {xid}"))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[FakeConnection]:
        """Begin, and commit unless there is an error. Blocking flavour only."""
        self.execute("BEGIN")
        yield self
        self.execute("COMMIT")

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
        return self._wants_read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        if self.pipelined:
            self.execute("SYNC")
        self._wants_read_only = value

    def close(self) -> Any:
        return self._flavoured(self._close())

    # what the adapter calls

    def query(self, sql: str, timeout: float) -> Any:
        return self._flavoured(self._query(sql, timeout))

    def lose(self) -> None:
        """Whoever waits for an answer, and every later call, finds the connection lost."""
        with self._lock:
            self._lost = True
        self.wake()

    def wake(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for gate in waiting:
            gate.set_result(None)

    def _flavoured(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return coroutine if self.asynchronous else run(coroutine)

    async def _execute(self, sql: str) -> Rows:
        self.statements.append(sql)
        faults = self.host.cluster.network.faults
        if sql in faults:
            raise faults.pop(sql)  # in no variable: an error whose traceback leads to itself outlives its session
        await self._reach_host(None, asleep=sql == "SLEEP")
        if sql == "BEGIN":
            self.in_transaction = 1
        if sql in ("COMMIT", "ROLLBACK"):
            self.in_transaction = 0
            self._read_only = False
        if sql == "SET READ ONLY":
            self._read_only = True
        if sql == "INSERT" and (self._read_only or not self.host.is_writer):
            raise ReadOnlyError("cannot execute INSERT in a read-only transaction")
        return self.host.answer(sql)

    async def _query(self, sql: str, timeout: float) -> Rows:
        await self._reach_host(timeout)
        return self.host.answer(sql)

    async def _reach_host(self, timeout: float | None, *, asleep: bool = False) -> None:
        if self.asynchronous:
            await asyncio.sleep(0)
        if self.closed:
            raise NetworkError("the connection is closed")
        if self.host.state is State.FROZEN or asleep:
            gate: Gate = concurrent.futures.Future()
            with self._lock:
                if self._lost:
                    gate.set_result(None)
                else:
                    self._waiting.append(gate)
            if not await _wait(gate, timeout, asynchronous=self.asynchronous):
                raise TimeoutError("the host does not answer")
        if self._lost:
            self.closed = True
            raise NetworkError("server closed the connection unexpectedly")

    async def _close(self) -> None:
        self.closed = True
        self.lose()

    def __repr__(self) -> str:
        return f"<FakeConnection to {self.host.host_id}>"


class FakePipeline:
    """What `pipeline` gives to the program."""

    def __init__(self, connection: FakeConnection) -> None:
        self.connection: Any = connection
        self._raw = connection

    def sync(self) -> Any:
        return self._raw.execute("SYNC")


class FakeCursor:
    """Rows are those of the last statement."""

    arraysize = 1

    def __init__(self, connection: FakeConnection) -> None:
        self.connection = connection
        self.rows: Iterator[tuple[str | None, ...]] = iter(())
        self.closed = False

    def execute(self, sql: str, params: Any = None) -> Any:
        del params
        return self.connection._flavoured(self._execute(sql))

    def executemany(self, sql: str, params_seq: Any) -> Any:
        return self.execute(sql, params_seq)

    async def _execute(self, sql: str) -> FakeCursor:
        self.rows = iter(await self.connection._execute(sql))
        return self

    def fetchone(self) -> Any:
        return next(self.rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return [row for row, _ in zip(self.rows, range(size), strict=False)]

    def fetchall(self) -> list[Any]:
        return list(self.rows)

    def scroll(self, sql: str) -> Any:
        return self.execute(sql)

    def stream(self, *statements: str) -> Iterator[tuple[str | None, ...]]:
        """Execute one statement for each row. Blocking flavour only."""
        for sql in statements:
            yield from self.execute(sql).rows

    def nextset(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[Any]:
        return self.rows


async def _wait(gate: Gate, timeout: float | None, *, asynchronous: bool) -> bool:
    if asynchronous:
        done, _ = await asyncio.wait([asyncio.wrap_future(gate)], timeout=timeout)
        return bool(done)
    done_now, _ = concurrent.futures.wait([gate], timeout=timeout)
    return bool(done_now)


class FakeProbe:
    """Hears from a host, in a thread."""

    def __init__(self, network: FakeNetwork, arguments: dict[str, Any]) -> None:
        self.network = network
        self.arguments = arguments
        self.connection: FakeConnection | None = None

    async def check(self, io: DriverIo, deadline: Deadline) -> bool:
        del io
        try:
            if self.connection is None:
                self.connection = self.network.connect(**self.arguments, connect_timeout=deadline.remaining())
            self.connection.query("SELECT 1", deadline.remaining())
        except LoginError:
            return True
        except (NetworkError, TimeoutError):
            self.close()
            return False
        return True

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class FakeAdapter(DriverAdapter):
    """The adapter; its code is psycopg's, so that databases are detected as behind psycopg."""

    code = "psycopg"
    default_port = 5432
    package = "support"
    connection_calls = frozenset({"tpc_begin"})
    cursor_calls = frozenset({"scroll"})
    blocks = frozenset({"transaction", "pipeline"})
    block_calls = frozenset({"sync"})
    row_modes = frozenset({"pipeline"})
    setters = frozenset({"read_only"})
    row_sources = frozenset({"stream"})
    session_parameters = frozenset({"options"})

    def __init__(self, network: FakeNetwork, *, asynchronous: bool) -> None:
        connect: Callable[..., Any] = network.aconnect if asynchronous else network.connect
        super().__init__(connect)
        self.network = network

    @property
    def errors(self) -> ModuleType:
        return sys.modules[__name__]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset({"hostaddr", "connect_timeout", "application_name", "options"})

    def blocking(self) -> FakeAdapter:
        return FakeAdapter(self.network, asynchronous=False)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        arguments = settings.driver
        if host != analyse(settings.host).host:
            arguments.pop("hostaddr", None)
        return {**arguments, "host": host, "port": port}

    async def query(self, io: DriverIo, raw: FakeConnection, sql: str, deadline: Deadline) -> Rows:
        try:
            rows: Rows = await io.call(raw.query, sql, deadline.remaining())
        except TimeoutError:
            self.abort(raw)
            raise self.error(QueryTimeoutError, "the server did not answer") from None
        return rows

    def abort(self, raw: FakeConnection) -> None:
        raw.lose()

    def peer(self, raw: FakeConnection) -> Peer | None:
        return None if raw.closed else Peer(raw.host.name, self.default_port)

    def probe(self, settings: Settings, host: str, peer: Peer) -> FakeProbe:
        return FakeProbe(self.network, {**settings.driver, "host": host, "port": peer.port, "hostaddr": peer.address})

    def is_closed(self, raw: FakeConnection) -> bool:
        return raw.closed

    def transaction_source(self, raw: FakeConnection) -> FakeConnection:
        return raw

    def was_in_transaction(self, raw: FakeConnection, status: int) -> bool:  # noqa: ARG002
        return status != 0

    def connection_of(self, owner: Any) -> Any:
        return owner.connection if isinstance(owner, FakeCursor) else owner

    def rows_are_local(self, raw: Any) -> bool:
        return not (isinstance(raw, FakeCursor) and raw.connection.pipelined)

    def pool_of(self, raw: FakeConnection) -> Any:
        return getattr(raw, "pool", None)

    def lend(self, entered: Any, connection: Any) -> None:
        if isinstance(entered, FakePipeline):
            entered.connection = connection

    def is_raw_cursor(self, value: Any) -> bool:
        return isinstance(value, FakeCursor)

    def copy_state(self, old: FakeConnection, new: FakeConnection) -> None:
        new.autocommit = old.autocommit

    def classify(self, error: BaseException, raw: FakeConnection | None = None) -> ErrorKind:
        del raw
        if isinstance(error, (NetworkError, AwsConnectError, QueryTimeoutError)):
            return ErrorKind.NETWORK
        if isinstance(error, LoginError):
            return ErrorKind.LOGIN
        return ErrorKind.READ_ONLY if isinstance(error, ReadOnlyError) else ErrorKind.OTHER
