"""What the rest of the driver knows of the fake driver."""

from __future__ import annotations

import copy
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.cluster.endpoint import analyse
from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
from aws_advanced_python_wrapper.driver.contract import DriverIo, ErrorKind, Peer
from aws_advanced_python_wrapper.errors import AwsConnectError, QueryTimeoutError
from aws_advanced_python_wrapper.testing import errors
from aws_advanced_python_wrapper.testing.connection import SESSION_QUERY, FakePipeline
from aws_advanced_python_wrapper.testing.cursor import FakeCursor
from aws_advanced_python_wrapper.testing.errors import LoginError, NetworkError, ReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.session_state import ServerState
    from aws_advanced_python_wrapper.properties import Settings
    from aws_advanced_python_wrapper.testing.connection import FakeConnection
    from aws_advanced_python_wrapper.testing.network import FakeNetwork
    from aws_advanced_python_wrapper.testing.traffic import Rows


class FakeProbe:
    """Hears from a host, in a thread."""

    def __init__(self, network: FakeNetwork, arguments: dict[str, Any]) -> None:
        self.network = network
        self.arguments = arguments
        self.connection: FakeConnection | None = None

    async def check(self, io: DriverIo, deadline: Deadline) -> bool:
        """Connect, or ask; a refusal of the user is an answer too."""
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
        """End the connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class FakeAdapter(DriverAdapter):
    """The adapter; its code is psycopg's, so that databases are detected as behind psycopg."""

    code = "psycopg"
    engine = "postgresql"
    limits_waits = True
    default_port = 5432
    package = "aws_advanced_python_wrapper"
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
        """The module of the exception classes."""
        return errors

    @property
    def parameters(self) -> frozenset[str]:
        """The names that `FakeNetwork.connect` knows beside host, port and user."""
        return frozenset({"hostaddr", "connect_timeout", "application_name", "options"})

    def blocking(self) -> FakeAdapter:
        """Return the adapter of the blocking flavour."""
        return FakeAdapter(self.network, asynchronous=False)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Return the arguments of `FakeNetwork.connect`."""
        arguments = settings.driver
        if host != analyse(settings.host).host:
            arguments.pop("hostaddr", None)
        return {**arguments, "host": host, "port": port}

    async def canonical_name(self, io: DriverIo, host: str) -> str:  # noqa: ARG002
        """Ask the network, in which every name exists."""
        return self.network.aliases.get(host, host)

    async def query(self, io: DriverIo, raw: FakeConnection, sql: str, deadline: Deadline) -> Rows:
        """Ask the host."""
        try:
            rows: Rows = await io.call(raw.query, sql, deadline.remaining())
        except TimeoutError:
            self.abort(raw)
            raise self.error(QueryTimeoutError, "the server did not answer") from None
        return rows

    def limit_waits(self, raw: FakeConnection, seconds: float | None, address: str) -> None:
        """Have its statements end after that time; None: whenever they do."""
        raw.wait_limit = seconds
        raw.timed_out = partial(self.error, QueryTimeoutError, f"{address} does not answer")

    def abort(self, raw: FakeConnection) -> None:
        """Break the connection."""
        raw.lose()

    def peer(self, raw: FakeConnection) -> Peer | None:
        """Return the name of the host."""
        return None if raw.closed else Peer(raw.host.name, self.default_port)

    def probe(self, settings: Settings, host: str, peer: Peer) -> FakeProbe:
        """Return a probe that connects as the user does."""
        return FakeProbe(self.network, {**settings.driver, "host": host, "port": peer.port, "hostaddr": peer.address})

    def is_closed(self, raw: FakeConnection) -> bool:
        """Tell whether the connection was closed or found to be lost."""
        return raw.closed

    def is_dropped(self, raw: FakeConnection) -> bool:
        """Tell whether the host has cut the connection."""
        return raw.closed or raw.lost

    def transaction_source(self, raw: FakeConnection) -> FakeConnection:
        """Return the connection."""
        return raw

    def was_in_transaction(self, raw: FakeConnection, status: int) -> bool:  # noqa: ARG002
        """Tell whether the status is not 0."""
        return status != 0

    def connection_of(self, owner: Any) -> Any:
        """Return a cursor's connection, or the connection itself."""
        return owner.connection if isinstance(owner, FakeCursor) else owner

    def rows_are_local(self, raw: Any) -> bool:
        """Tell whether no pipeline is open."""
        return not (isinstance(raw, FakeCursor) and raw.connection.pipelined)

    def pool_of(self, raw: FakeConnection) -> Any:
        """Return what a test has put down as the pool."""
        return getattr(raw, "pool", None)

    def lend(self, entered: Any, connection: Any) -> None:
        """Have a pipeline tell our connection."""
        if isinstance(entered, FakePipeline):
            entered.connection = connection

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell whether it is a `FakeCursor`."""
        return isinstance(value, FakeCursor)

    async def copy_state(
        self,
        io: DriverIo,
        old: FakeConnection,
        new: FakeConnection,
        deadline: Deadline,
        *,
        read_only: bool | None = None,
    ) -> None:
        """Copy `autocommit`."""
        del io, deadline, read_only
        new.autocommit = old.autocommit

    def snapshot(self, raw: FakeConnection) -> Any:
        """Note `autocommit`, and which attributes there are."""
        return raw.autocommit, frozenset(vars(raw))

    async def restore(self, io: DriverIo, raw: FakeConnection, snapshot: Any, deadline: Deadline) -> None:
        """Set `autocommit` again."""
        del io, deadline
        raw.autocommit, names = snapshot
        for name in vars(raw).keys() - names:
            delattr(raw, name)

    def is_between_statements(self, raw: FakeConnection) -> bool:
        """Tell whether no pipeline is open."""
        return not raw.pipelined

    def closed_twin(self, raw: FakeConnection) -> FakeConnection:
        """Copy it."""
        twin = copy.copy(raw)
        twin.closed, twin.statements = True, list(raw.statements)
        return twin

    def session_queries(self, raw: FakeConnection, state: ServerState, *, rollback: bool = False) -> Sequence[str]:
        """Return a query that the fake connection remembers in its `session_state`."""
        del raw
        return (SESSION_QUERY + json.dumps({**state, **({"rollback": True} if rollback else {})}),)

    async def command(self, io: DriverIo, raw: FakeConnection, sql: str, deadline: Deadline) -> None:
        """Ask the host, outside transactions."""
        if raw.transaction_status:
            raise errors.ProgrammingError("can't change the session now: a transaction is open")
        await self.query(io, raw, sql, deadline)

    def classify(self, error: BaseException, raw: FakeConnection | None = None) -> ErrorKind:
        """Tell by the class."""
        del raw
        if isinstance(error, (NetworkError, AwsConnectError, QueryTimeoutError)):
            return ErrorKind.NETWORK
        if isinstance(error, LoginError):
            return ErrorKind.LOGIN
        return ErrorKind.READ_ONLY if isinstance(error, ReadOnlyError) else ErrorKind.OTHER
