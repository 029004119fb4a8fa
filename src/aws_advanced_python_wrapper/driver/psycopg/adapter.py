"""The adapter for psycopg 3, both flavours."""

from __future__ import annotations

import contextlib
import functools
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from aws_advanced_python_wrapper.cluster.endpoint import analyse
from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
from aws_advanced_python_wrapper.driver.contract import (
    ONLY_OVER_TLS,
    DriverIo,
    ErrorKind,
    Peer,
    RawConnection,
    RawCursor,
    Rows,
    TransactionSource,
)
from aws_advanced_python_wrapper.driver.psycopg import connection_arguments, encryption, libpq_defaults
from aws_advanced_python_wrapper.driver.psycopg.errors import classify, is_wrong_password
from aws_advanced_python_wrapper.driver.psycopg.lending import lend
from aws_advanced_python_wrapper.driver.psycopg.probe import PostgresqlProbe
from aws_advanced_python_wrapper.driver.psycopg.query import OVERDUE, OverdueError, encoding_of, run_query
from aws_advanced_python_wrapper.driver.psycopg.session import PsycopgSession
from aws_advanced_python_wrapper.driver.psycopg.waiting import LIMIT, WaitLimit, lift_limit
from aws_advanced_python_wrapper.driver.sockets import duplicate_socket, is_readable, keep_alive, last_heard, unplug
from aws_advanced_python_wrapper.driver.unwrapping import drivers_own
from aws_advanced_python_wrapper.errors import AwsWrapperError, QueryTimeoutError
from aws_advanced_python_wrapper.parameters.network import (
    TCP_KEEPALIVE,
    TCP_KEEPALIVE_INTERVAL,
    TCP_KEEPALIVE_PROBES,
    TCP_KEEPALIVE_TIME,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.properties import Settings

# Our parameter -> libpq's (libpq documentation, "Parameter Key Words").
_KEEPALIVE: dict[Parameter[Any], str] = {
    TCP_KEEPALIVE: "keepalives",
    TCP_KEEPALIVE_TIME: "keepalives_idle",
    TCP_KEEPALIVE_INTERVAL: "keepalives_interval",
    TCP_KEEPALIVE_PROBES: "keepalives_count",
}

_IN_BLOCK = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

_LOCK_TIMEOUT = 1.0  # s

# Reads after which a connection on which things still arrive counts as alive.
_MOST_READS = 8

_CONNECTIONS = (psycopg.Connection, psycopg.AsyncConnection)
_CURSORS = (psycopg.Cursor, psycopg.AsyncCursor)
_SERVER_CURSORS = (psycopg.ServerCursor, psycopg.AsyncServerCursor)
_TRANSACTIONS = (psycopg.Transaction, psycopg.AsyncTransaction)


class PsycopgAdapter(PsycopgSession, DriverAdapter):
    """psycopg 3.1.12 and newer."""

    code = "psycopg"
    engine = "postgresql"
    limits_waits = True
    default_port = 5432
    package = "psycopg"
    setters = frozenset({"autocommit", "read_only", "isolation_level", "deferrable"})
    connection_calls = frozenset(
        {"tpc_begin", "tpc_prepare", "tpc_commit", "tpc_rollback", "tpc_recover", "wait"}
        | {f"set_{name}" for name in setters}
    )
    cursor_calls = frozenset({"scroll", "set_result", "__next__", "__anext__"})
    blocks = frozenset({"transaction", "pipeline", "copy"})
    block_calls = frozenset({"read", "read_row", "_write", "sync"})  # a copy's own _write sends what has gathered
    row_modes = frozenset({"pipeline"})
    row_sources = frozenset({"stream", "notifies", "results"})
    own_attributes = frozenset({LIMIT})
    session_parameters = frozenset(
        {"options", "target_session_attrs", "load_balance_hosts", *connection_arguments.TYPED}
    )
    neutral_parameters = MappingProxyType({"options": "", "target_session_attrs": "any"})

    @property
    def errors(self) -> ModuleType:
        """Psycopg itself exports the exception classes of PEP 249."""
        return psycopg

    @property
    def parameters(self) -> frozenset[str]:
        """See `connection_arguments`."""
        return connection_arguments.names()

    @property
    def typed_parameters(self) -> Mapping[str, Parameter[Any]]:
        """See `connection_arguments`."""
        return connection_arguments.TYPED

    def from_environment(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `libpq_defaults`."""
        return libpq_defaults.endpoint_of_environment(given)

    is_told_elsewhere = staticmethod(libpq_defaults.names_service)
    guesses_user = staticmethod(libpq_defaults.guesses_user)

    def blocking(self) -> PsycopgAdapter:
        """Return an adapter on psycopg's blocking connection class."""
        return PsycopgAdapter(psycopg.Connection.connect)

    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Translate keep-alive parameters to libpq's and point the options at a host."""
        arguments = self._encrypted(settings) if ONLY_OVER_TLS in settings.driver else settings.driver
        for ours, libpqs in _KEEPALIVE.items():
            if (value := settings[ours]) is not None:
                arguments[libpqs] = int(value)
        if host != analyse(settings.host).host:
            arguments["hostaddr"] = ""  # neither what the user gave, for another host, nor what PGHOSTADDR says
            arguments["host"] = host
        return {**arguments, "port": port}

    def token_settings(self, settings: Settings) -> Settings:
        """See `encryption`. Environment variables and services are asked now, once for all connections."""
        return settings.with_driver(**self._encrypted(settings), **{ONLY_OVER_TLS: True})

    async def open(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Open a connection; raises whatever psycopg raises, untouched."""
        return drivers_own(await super().open(io, arguments), _CONNECTIONS, "psycopg")

    def _encrypted(self, settings: Settings) -> dict[str, Any]:
        if objection := encryption.objection(settings.driver):
            raise self.error(AwsWrapperError, objection)
        return encryption.required(settings.driver)

    async def query(self, io: DriverIo, raw: RawConnection, sql: str, deadline: Deadline) -> Rows:
        """See `query`."""
        try:
            return await run_query(io, raw.pgconn, sql.encode(encoding_of(raw)), deadline)
        except OverdueError:
            self.abort(raw)
            raise self.error(QueryTimeoutError, OVERDUE) from None

    def limit_waits(self, raw: RawConnection, seconds: float | None, address: str) -> None:
        """See `waiting`."""
        if seconds is None:
            lift_limit(raw)
            return
        message = (
            f"{address} has not answered for {seconds:g} s, the socket_timeout: the connection was given up. "
            "Give a longer socket_timeout if statements may take that long."
        )
        WaitLimit(seconds, self.abort, functools.partial(self.error, QueryTimeoutError, message)).set_on(raw)

    def abort(self, raw: RawConnection) -> None:
        """Shut the socket down; libpq then sees the end of the stream."""
        with contextlib.suppress(psycopg.Error, OSError):  # closed already, or not connected any more
            with duplicate_socket(raw.pgconn) as duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)

    def peer(self, raw: RawConnection) -> Peer | None:
        """Ask the socket."""
        try:
            with duplicate_socket(raw.pgconn) as duplicate:
                name = duplicate.getpeername()
        except (psycopg.Error, OSError):
            return None
        return Peer(name[0], name[1]) if isinstance(name, tuple) else Peer(str(name))

    def last_heard(self, raw: RawConnection) -> float | None:
        """Ask the socket."""
        with contextlib.suppress(psycopg.Error, OSError), duplicate_socket(raw.pgconn) as duplicate:
            return last_heard(duplicate)
        return None

    def keep_alive(self, raw: RawConnection, settings: Settings, interval: float, count: int) -> None:
        """Set the socket's options, unless the user has set any, be it under libpq's names."""
        given = {*settings.driver, *(libpqs for ours, libpqs in _KEEPALIVE.items() if settings[ours] is not None)}
        if given.isdisjoint(_KEEPALIVE.values()):
            with contextlib.suppress(psycopg.Error, OSError), duplicate_socket(raw.pgconn) as duplicate:
                keep_alive(duplicate, interval, count)

    def probe(self, settings: Settings, host: str, peer: Peer) -> PostgresqlProbe:
        """Connect without DNS, to the same address, and without Kerberos, for which libpq would wait."""
        arguments = self.arguments(settings.with_driver(gssencmode="disable"), host, peer.port or settings.port or 5432)
        if peer.port is not None:
            arguments["hostaddr"] = peer.address
        options = {name: value for name, value in arguments.items() if name not in connection_arguments.TYPED}
        return PostgresqlProbe(make_conninfo("", **options))

    def is_closed(self, raw: RawConnection) -> bool:
        """Read libpq's own status."""
        return bool(raw.closed)

    def is_busy(self, raw: RawConnection) -> bool:
        """A copy or a stream keeps a statement open or psycopg's lock; a pipeline may have sent a BEGIN by itself."""
        pgconn: pq.abc.PGconn = raw.pgconn
        return bool(pgconn.transaction_status or pgconn.pipeline_status or raw.lock.locked())

    def is_dropped(self, raw: RawConnection) -> bool:
        """Have libpq read what has arrived, which may be a notice as well, until it comes to the end of the stream."""
        pgconn: pq.abc.PGconn = raw.pgconn
        try:
            for _ in range(_MOST_READS):
                if not is_readable(pgconn.socket):
                    break
                pgconn.consume_input()
        except (psycopg.Error, OSError):
            return True
        return False

    def abandon(self, raw: RawConnection) -> None:
        """Put an end of nothing in the socket's place in this process; libpq then says its farewell to that."""
        with contextlib.suppress(psycopg.Error, OSError):
            unplug(raw.pgconn.socket)
            raw.pgconn.finish()

    async def close(self, io: DriverIo, raw: RawConnection, *, in_use: bool = False) -> None:
        """Close under psycopg's own lock: to free a connection that another thread is using ends the process.

        Whoever holds it sees the end of the stream and leaves. One who keeps it (rows being streamed) keeps the
        connection too, which is then freed when nobody refers to it any more.
        """
        del in_use  # the lock tells
        if await io.acquire(raw.lock, _LOCK_TIMEOUT):
            try:
                raw.pgconn.finish()  # not raw.close, which may give it back to a pool
            finally:
                raw.lock.release()

    def cursor_of_lost(
        self, raw: RawConnection, name: str = "", *, binary: bool = False, row_factory: Any = None, **options: Any
    ) -> RawCursor:
        """Make what `raw.cursor` makes, which refuses where the connection is lost."""
        factory = functools.partial(raw.server_cursor_factory, name=name, **options) if name else raw.cursor_factory
        cursor = factory(raw, row_factory=row_factory or raw.row_factory)
        cursor.format = pq.Format.BINARY if binary else pq.Format.TEXT
        return cursor

    def transaction_source(self, raw: RawConnection) -> TransactionSource:
        """Libpq's connection, whose status is zero when idle."""
        source: TransactionSource = raw.pgconn
        return source

    def was_in_transaction(self, raw: RawConnection, status: int) -> bool:
        """A statement of another thread's, or a lost connection, hides whether a block is open around it."""
        if status in _IN_BLOCK:
            return True
        return status != pq.TransactionStatus.IDLE and not raw.autocommit

    def connection_of(self, owner: Any) -> RawConnection:
        """A cursor knows its connection."""
        return owner.connection if self.is_raw_cursor(owner) else owner

    def rows_are_local(self, raw: RawCursor) -> bool:
        """Named cursors leave their rows on the server, and in a pipeline all rows come when they are fetched."""
        if isinstance(raw, _SERVER_CURSORS):
            return False
        return not (self.is_raw_cursor(raw) and raw.connection.pgconn.pipeline_status)

    def is_raw_cursor(self, value: Any) -> bool:
        """Tell by psycopg's cursor classes."""
        return isinstance(value, _CURSORS)

    def cancel(self, raw: RawConnection) -> None:
        """Cancel within psycopg's limit of half a minute, where libpq is new enough to have one (17).

        The older way waits for a frozen host for ever, and lets no other thread of the program run meanwhile.
        """
        limited: Callable[[RawConnection], None] | None = getattr(psycopg.Connection, "cancel_safe", None)
        raw.cancel() if limited is None else limited(raw)  # it needs nothing of the blocking flavour

    def pool_of(self, raw: RawConnection) -> Any:
        """psycopg_pool leaves a mark on what it has lent."""
        return getattr(raw, "_pool", None)

    def lend(self, entered: Any, connection: Any) -> None:
        """A transaction tells its connection. It stays itself, since `Rollback` compares identity."""
        if isinstance(entered, _TRANSACTIONS):
            lend(entered, connection)

    def is_wrong_password(self, error: BaseException) -> bool:
        """See `errors`."""
        return is_wrong_password(error)

    def classify(self, error: BaseException, raw: RawConnection | None = None) -> ErrorKind:
        """See `errors`; libpq's own status tells whether the connection outlived the error."""
        return classify(error, connection_lost=raw is None or raw.closed)
