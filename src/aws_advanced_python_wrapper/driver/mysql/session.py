"""The state of MySQL sessions: what is noted on the client's side, and how another connection gets it."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
from aws_advanced_python_wrapper.driver.mysql.notes import SessionNotes
from aws_advanced_python_wrapper.driver.mysql.remembering import OWN_ATTRIBUTES
from aws_advanced_python_wrapper.errors import AwsWrapperError, QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection, RawCursor, Rows
    from aws_advanced_python_wrapper.driver.session_state import ServerState

OVERDUE = "the server did not answer the driver's own query in time"

# The server's status flags (MySQL source documentation, "SERVER_STATUS_flags_enum").
IN_TRANSACTION = 0x1
AUTOCOMMIT = 0x2

_READ_ONLY = {
    True: "SET SESSION TRANSACTION READ ONLY",
    False: "SET SESSION TRANSACTION READ WRITE",
    None: "SET SESSION transaction_read_only = DEFAULT",
}

_NONE = SessionNotes()


class _Snapshot(NamedTuple):
    """What `snapshot` notes."""

    values: dict[str, Any]
    names: frozenset[str]
    charset: Any
    notes: SessionNotes


class MysqlSession(DriverAdapter):
    """The part of the adapters for MySQL that deals with session state.

    Connections are of classes that remember what their sessions are told, see `remembering`.
    """

    carried = frozenset({"schema"})
    own_attributes = OWN_ATTRIBUTES
    remembered: ClassVar[tuple[str, ...]]
    """Attributes of the driver's object that a user sets, and of which its server knows nothing."""

    @abstractmethod
    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Run a query outside the program's cursors and return its rows as text; raises the driver's error."""

    @abstractmethod
    def itself(self, raw: RawConnection) -> Any:
        """Return the connection itself where `raw` is what a pool of the driver's has lent."""

    @abstractmethod
    def server_status(self, raw: RawConnection) -> int:
        """Return the server's status flags, as it told them last. No I/O."""

    @abstractmethod
    def charset(self, connection: Any) -> Any:
        """Return the character set and collation that were set, as `set_charset` takes it. No I/O."""

    @abstractmethod
    async def set_charset(self, io: DriverIo, connection: Any, charset: Any) -> None:
        """Set them; raises the driver's error."""

    @abstractmethod
    async def begin_anew(self, io: DriverIo, connection: Any, charset: Any) -> None:
        """Have the server forget all that was set, and set what the driver does set when it connects.

        Locks, temporary tables, variables and prepared statements of the session are gone then. The database stays.
        Raises the driver's error.
        """

    @contextlib.contextmanager
    def limited(self, io: DriverIo, raw: RawConnection, deadline: Deadline) -> Iterator[None]:
        """Abort the connection if the block lasts longer: the drivers know no limit for a query."""

        def ring() -> None:
            self.abort(raw)

        with io.alarm(deadline.remaining(), ring) as alarm:
            try:
                yield
            except self.failures as error:
                if alarm.rang:
                    raise self.error(QueryTimeoutError, OVERDUE) from error
                raise
        if alarm.rang:  # between the last answer and the block's end: the connection is lost all the same
            raise self.error(QueryTimeoutError, OVERDUE)

    def notes(self, raw: RawConnection) -> SessionNotes:
        """Return what the session was told. No I/O."""
        notes: SessionNotes = getattr(self.itself(raw), "session_notes", _NONE)
        return notes

    async def copy_state(
        self, io: DriverIo, old: RawConnection, new: RawConnection, deadline: Deadline, *, read_only: bool | None = None
    ) -> None:
        """Copy what the driver's object remembers, and send, in as few statements as can be, in what they differ."""
        source, target = self.itself(old), self.itself(new)
        present, wanted = target.session_notes, source.session_notes
        if read_only is not None:
            wanted = wanted.after(_READ_ONLY[read_only])
        changes = {**present.changes_to(wanted), **self._autocommit_change(old, new)}
        statements = [*_assignments(changes), *_database_change(present, wanted)]
        for name in vars(source).keys() & set(self.remembered):
            setattr(target, name, getattr(source, name))
        with self.limited(io, new, deadline):
            if self.charset(target) != self.charset(source):
                await self.set_charset(io, target, self.charset(source))
            for sql in statements:
                await self.run(io, new, sql)
        target.session_notes = wanted._replace(database=wanted.database or present.database)

    def _autocommit_change(self, old: RawConnection, new: RawConnection) -> dict[str, str]:
        is_on, shall_be_on = (self.server_status(raw) & AUTOCOMMIT for raw in (new, old))
        return {} if is_on == shall_be_on else {"autocommit": "ON" if shall_be_on else "OFF"}

    def told(self, raw: RawConnection) -> tuple[SessionNotes, int]:
        """Return the notes and the server's flag."""
        return self.notes(raw), self.server_status(raw) & AUTOCOMMIT

    async def tell_again(
        self,
        io: DriverIo,
        raw: RawConnection,
        begun: tuple[SessionNotes, int],
        last: tuple[SessionNotes, int],
        deadline: Deadline,
    ) -> None:
        """Send it in as few statements as can be; what the driver's object remembers the driver has told already."""
        (first, was_on), (wanted, shall_be_on) = begun, last
        changes = first.changes_to(wanted)
        if was_on != shall_be_on != self.server_status(raw) & AUTOCOMMIT:
            changes["autocommit"] = "ON" if shall_be_on else "OFF"
        database = wanted.database if wanted.database != first.database else None
        statements = [*_assignments(changes), *_database_change(self.notes(raw), SessionNotes(database))]
        with self.limited(io, raw, deadline):
            for sql in statements:
                await self.run(io, raw, sql)
        for sql in statements:
            self._note(raw, sql)

    def snapshot(self, raw: RawConnection) -> _Snapshot:
        """Note what a user sets, and which attributes there are."""
        connection = self.itself(raw)
        values = {name: _copied(value) for name, value in vars(connection).items() if name in self.remembered}
        return _Snapshot(values, frozenset(vars(connection)), self.charset(connection), connection.session_notes)

    async def restore(self, io: DriverIo, raw: RawConnection, snapshot: _Snapshot, deadline: Deadline) -> None:
        """Have the server begin the session anew, as the drivers' own pools do."""
        connection = self.itself(raw)
        if snapshot.notes.database is None and connection.session_notes.database is not None:
            raise self.errors.ProgrammingError("a session that has a database cannot be without one again")
        if snapshot.notes.user != connection.session_notes.user:
            raise self.errors.ProgrammingError("a session that was given to another user cannot go back to the first")
        for name in vars(connection).keys() - snapshot.names - self.own_attributes:
            delattr(connection, name)
        for name, value in snapshot.values.items():
            setattr(connection, name, _copied(value))
        with self.limited(io, raw, deadline):
            await self.begin_anew(io, connection, snapshot.charset)
            present = connection.session_notes
            for sql in (*_assignments(present.changes_to(snapshot.notes)), *_database_change(present, snapshot.notes)):
                await self.run(io, raw, sql)
        connection.session_notes = snapshot.notes

    def is_open_at_server(self, raw: RawCursor) -> bool:
        """A session that begins anew has no prepared statements, and rows on their way are told otherwise."""
        del raw
        return False

    def is_busy(self, raw: RawConnection) -> bool:
        """Rows that nobody has read yet keep a statement open."""
        return bool(self.server_status(raw) & IN_TRANSACTION) or not self.is_between_statements(raw)

    def session_queries(self, raw: RawConnection, state: ServerState, *, rollback: bool = False) -> Sequence[str]:
        """A schema is a database; the role that the session began with counts as the user's default one."""
        queries = ["ROLLBACK"] if rollback else []
        if "schema" in state:
            queries.append(f"USE {_quoted(self._one_database(raw, state['schema']))}")
        if "role" in state:
            role = state["role"]
            queries.append(f"SET ROLE {'DEFAULT' if role is None else _account(str(role))}")
        return queries

    def _one_database(self, raw: RawConnection, names: Sequence[str] | str | None) -> str:
        if names is None:
            names = [self.itself(raw).first_database or ""]
            if names == [""]:
                raise AwsWrapperError("set_schema: the session began without a database, and can be in none no more")
        if len(names) != 1:
            raise AwsWrapperError(f"set_schema: give the name of one database, a MySQL session has no more: {names!r}")
        return names[0]

    async def command(self, io: DriverIo, raw: RawConnection, sql: str, deadline: Deadline) -> None:
        """Run it as one of our own queries; one that is interrupted would be answered in place of the next."""
        self._refuse_unless_idle(raw)
        try:
            await self.query(io, raw, sql, deadline)
        except Exception:
            raise
        except BaseException:
            self.abort(raw)
            raise
        self._note(raw, sql)

    def read_only(self, raw: RawConnection) -> bool | None:
        """Return what was set, by statements as well."""
        return self.notes(raw).read_only

    async def set_read_only(self, io: DriverIo, raw: RawConnection, value: bool | None) -> None:
        """Tell the server, unless it knows, for all transactions from now on; ProgrammingError while one is open."""
        self._refuse_unless_idle(raw)
        if value is not None and self.read_only(raw) is bool(value):
            return
        sql = _READ_ONLY[None if value is None else bool(value)]
        await self.run(io, raw, sql)
        self._note(raw, sql)

    async def autocommit(self, io: DriverIo, raw: RawConnection) -> bool:
        """Read the server's flag."""
        del io
        return bool(self.server_status(raw) & AUTOCOMMIT)

    def _note(self, raw: RawConnection, sql: str) -> None:
        self.itself(raw).session_notes = self.notes(raw).after(sql)

    def _refuse_unless_idle(self, raw: RawConnection) -> None:
        if not self.is_busy(raw) or self.is_closed(raw):  # that it is lost, sending will find out
            return
        unread = not self.is_between_statements(raw)
        reason = "there are rows that nobody has read" if unread else "a transaction is open"
        raise self.errors.ProgrammingError(f"can't change the session now: {reason}")


def _copied(value: Any) -> Any:
    """Copy what is changed in place."""
    return dict(value) if isinstance(value, dict) else value


def _assignments(changes: Mapping[str, str]) -> list[str]:
    values = ", ".join(f"{name} = {value}" for name, value in changes.items())
    return [f"SET SESSION {values}"] if values else []


def _database_change(present: SessionNotes, wanted: SessionNotes) -> list[str]:
    if wanted.database is None or wanted.database == present.database:
        return []
    return [f"USE {_quoted(wanted.database)}"]


def _quoted(name: str) -> str:
    """Quote an identifier, in a way that every SQL mode understands."""
    return f"`{name.replace('`', '``')}`"


def _account(role: str) -> str:
    """Quote the name of a role, with or without a host."""
    name, at, host = role.rpartition("@")
    return f"{_quoted(name)}@{_quoted(host)}" if at else _quoted(role)
