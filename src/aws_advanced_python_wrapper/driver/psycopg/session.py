"""The state of psycopg's sessions: what its connection objects remember, and what only the server does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import generators, pq
from psycopg.adapt import AdaptersMap

from aws_advanced_python_wrapper.driver.psycopg.query import OVERDUE, encoding_of
from aws_advanced_python_wrapper.driver.psycopg.waiting import WaitLimit
from aws_advanced_python_wrapper.driver.session_state import ServerState, SessionStateAccess
from aws_advanced_python_wrapper.errors import QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from aws_advanced_python_wrapper.deadline import Deadline

# What a user sets on a connection object. The private names, the same from psycopg 3.1 to 3.3, can be written in both
# flavours and without the check that no transaction is open: the new connection has just been opened, or is idle.
_STATE = (
    *("_autocommit", "_isolation_level", "_read_only", "_deferrable", "_adapters"),
    *("_notice_handlers", "_notify_handlers", "row_factory", "cursor_factory", "server_cursor_factory"),
    *("prepare_threshold", "prepared_max"),
)

_ENDED = (pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

_NOWHERE = b"host=/nowhere user=nobody dbname=nothing password=none"  # no network, no file

_AS_LONG_AS_IT_TAKES = 1e6  # s; another thread may be using the connection


class _Snapshot(NamedTuple):
    """What `snapshot` notes."""

    values: dict[str, Any]
    names: frozenset[str]


def _copied(value: Any) -> Any:
    """Copy what is changed in place."""
    if isinstance(value, list):
        return list(value)
    return AdaptersMap(value) if isinstance(value, AdaptersMap) else value


class PsycopgSession(SessionStateAccess):
    """The part of the adapter for psycopg that deals with session state."""

    abort: Callable[[Any], None]
    error: Any

    async def copy_state(
        self, io: Any, old: Any, new: Any, deadline: Deadline, *, read_only: bool | None = None
    ) -> None:
        """Copy transaction characteristics, factories, adapters and handlers; psycopg sends them when they are due."""
        del io, deadline, read_only
        for name in _STATE:
            setattr(new, name, getattr(old, name))
        new._begin_statement = b""  # noqa: SLF001 - psycopg keeps the BEGIN that these characteristics make

    def snapshot(self, raw: Any) -> _Snapshot:
        """Note what a user sets, and which attributes there are."""
        return _Snapshot({name: _copied(getattr(raw, name)) for name in _STATE}, frozenset(vars(raw)))

    async def restore(self, io: Any, raw: Any, snapshot: _Snapshot, deadline: Deadline) -> None:
        """Set it again; the server's prepared statements, and what psycopg knows of them, stay."""
        del io, deadline
        for name in vars(raw).keys() - snapshot.names:
            delattr(raw, name)
        for name, value in snapshot.values.items():
            setattr(raw, name, _copied(value))
        raw._begin_statement = b""  # noqa: SLF001 - see `copy_state`

    def is_between_statements(self, raw: Any) -> bool:
        """A block of psycopg's that is still open would go on with the connection when it ends."""
        if raw.pgconn.transaction_status not in _ENDED or raw.pgconn.pipeline_status or raw.lock.locked():
            return False
        return raw._tpc is None and not raw._num_transactions  # noqa: SLF001 - psycopg tells it nowhere else

    def closed_twin(self, raw: Any) -> Any:
        """Copy the object, and let it have a connection of libpq's that was never open."""
        twin = object.__new__(type(raw))
        vars(twin).update(vars(raw))
        twin.pgconn = pq.PGconn.connect_start(_NOWHERE)
        twin.pgconn.finish()
        twin._closed = True  # as after psycopg's own `close`
        return twin

    def session_queries(self, raw: Any, state: ServerState, *, rollback: bool = False) -> Sequence[str]:
        """Reset what has a value now, and set what shall have one: statements of one message, all of them or none."""
        quoted = _Quoting(raw)
        settings = []
        path, role = state.get("schema"), state.get("role")
        if path is not None:
            names = ", ".join(quoted.identifier(name) for name in path)
            settings.append(f"pg_catalog.set_config('search_path', {quoted.literal(names)}, false)")
        if role is not None:
            settings.append(f"pg_catalog.set_config('role', {quoted.literal(str(role))}, false)")
        resets = "".join(f"RESET {_SERVERS_NAMES[name]}; " for name, value in state.items() if value is None)
        return (f"{'ROLLBACK; ' if rollback else ''}{resets}SELECT {', '.join(settings) or 'NULL'}",)

    async def command(self, io: Any, raw: Any, sql: str, deadline: Deadline) -> None:
        """Under psycopg's own lock, and waiting its own way, by which a statement is cancelled on an interrupt."""
        overdue = partial(self.error, QueryTimeoutError, OVERDUE)
        if not await io.acquire(raw.lock, _AS_LONG_AS_IT_TAKES):
            raise psycopg.OperationalError("the connection is in use")
        try:
            _refuse_unless_idle(raw)
            with WaitLimit(deadline.remaining(), self.abort, overdue).set_for_a_while(raw):
                await io.call(raw.wait, _command(raw.pgconn, sql.encode(encoding_of(raw))))
        finally:
            raw.lock.release()


_SERVERS_NAMES = {"schema": "search_path", "role": "ROLE"}


class _Quoting:
    """Quotes text by libpq's own rules, in the encoding of a connection."""

    def __init__(self, raw: Any) -> None:
        self._escaping = pq.Escaping(raw.pgconn)
        self._encoding = encoding_of(raw)

    def literal(self, text: str) -> str:
        return self._by(self._escaping.escape_literal, text)

    def identifier(self, text: str) -> str:
        return self._by(self._escaping.escape_identifier, text)

    def _by(self, escape: Callable[[bytes], Any], text: str) -> str:
        if "\0" in text:  # libpq would take it for the end
            raise psycopg.DataError(f"PostgreSQL text cannot contain NUL: {text!r}")
        return bytes(escape(text.encode(self._encoding))).decode(self._encoding)


def _refuse_unless_idle(raw: Any) -> None:
    """Refuse as psycopg refuses its own settings, unless the connection is lost, which sending will find out."""
    status = raw.pgconn.transaction_status
    if status not in (pq.TransactionStatus.IDLE, pq.TransactionStatus.UNKNOWN):
        name = pq.TransactionStatus(status).name
        raise psycopg.ProgrammingError(f"can't change the session now: connection in transaction status {name}")
    if raw.pgconn.pipeline_status:
        raise psycopg.ProgrammingError("can't change the session now: connection in pipeline mode")


def _command(pgconn: pq.abc.PGconn, sql: bytes) -> Generator[Any, Any, None]:
    """Run a statement in the shape that psycopg waits for."""
    pgconn.send_query(sql)
    results = yield from generators.execute(pgconn)
    failed = [result for result in results if result.status == pq.ExecStatus.FATAL_ERROR]
    if failed:
        raise psycopg.errors.error_from_result(failed[-1])
