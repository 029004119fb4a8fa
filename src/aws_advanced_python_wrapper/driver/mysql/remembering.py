"""What the connections of MySQL drivers forget, and ours do not: what their sessions are told.

Each class goes before the driver's own class of connections.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.awaitables import result_of
from aws_advanced_python_wrapper.driver.mysql.notes import LEVELS, SessionNotes, may_tell
from aws_advanced_python_wrapper.driver.mysql.reopening import (
    COURSE,
    SOURCE,
    begin_limit,
    limits,
    note_leaving,
    note_opened,
    open_in_time,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_NOTES = "notes_what_it_sends"

FLAGS = "server_status"
"""The attribute for the server's status flags, where the driver has none of its own."""

STATEMENTS, KEPT = "_open_statements", "_kept_for_statements"
"""The attributes for how many prepared statements the C extension has, and for what must live as long as they."""

OWN_ATTRIBUTES = frozenset(
    {
        *("session_notes", "transaction_status", "when_opened", "_when_opened", "_lent_as", "_noted_socket"),
        *(FLAGS, STATEMENTS, KEPT, SOURCE, COURSE, "only_over_tls"),
    }
)
"""What is noted on connections that is neither the driver's nor the program's."""


class Remembering:
    """What the connections of all the drivers note."""

    session_notes = SessionNotes()

    def begin_notes(self) -> None:
        """Note what opening the connection has set."""
        self.session_notes = SessionNotes(self.first_database)
        for statement in self._first_statements():
            self._note(statement)

    @contextmanager
    def beginning_anew(self, database: str | None, user: str | None = None) -> Iterator[None]:
        """Note what the block sets on a session that begins anew, in that database, and of that user if not the first.

        If that fails, the last session is still what the program knows, and what a failover has to go on with.
        """
        before = {name: value for name, value in vars(self).items() if name in ("session_notes", FLAGS)}
        self.session_notes = SessionNotes(database, user=user)
        try:
            yield
        except BaseException:
            vars(self).update(before)
            raise

    @property
    @abstractmethod
    def first_database(self) -> str | None:
        """The database that each session of this connection begins in, if any."""

    @abstractmethod
    def _first_statements(self) -> Iterator[str]:
        """Yield what opening the connection has set."""

    def _note(self, statement: str | bytes, encoding: str = "utf-8") -> None:
        text = statement if isinstance(statement, str) else bytes(statement).decode(encoding, errors="replace")
        self.session_notes = self.session_notes.after(text)

    async def _noted(self, sending: Awaitable[Any], statement: str | bytes, encoding: str) -> Any:
        result = await sending
        self._note(statement, encoding)
        return result

    def _note_database(self, name: str | None) -> None:
        self.session_notes = self.session_notes._replace(database=name or None)

    @property
    def isolation_level(self) -> str | None:
        """The level of the transactions that begin from now on, as it was set; None: as the server has it. No I/O."""
        return self.session_notes.isolation_level


def isolation_statement(level: str | None) -> str:
    """Return what sets the isolation level of a session; raises ValueError for a level that there is not."""
    if level is None:
        return "SET SESSION transaction_isolation = DEFAULT"
    name = " ".join(level.replace("-", " ").upper().split())
    if name not in LEVELS:
        raise ValueError(f"isolation_level: there is no level {level!r}, give one of {', '.join(LEVELS)}, or None")
    return f"SET SESSION TRANSACTION ISOLATION LEVEL {name}"


class _OfConnector(ABC, Remembering):  # in this order: Python changes a connection's class only to one of its layout
    """What MySQL Connector/Python has in common in its flavours."""

    python_charset: str
    _database: Any
    _user: Any
    _connection_timeout: int | None
    _time_zone: Any
    _sql_mode: Any
    _init_command: Any

    @property
    def first_database(self) -> str | None:
        """The parameter `database`."""
        return self._database or None

    @property
    def seconds_to_connect(self) -> int | None:
        """The parameter `connection_timeout`; None: no limit."""
        return self._connection_timeout or None

    def _other_than_now(self, user: str) -> str | None:
        present = self.session_notes.user
        return None if present is None and user == self._user else user

    @property
    def _lasting_user(self) -> str | None:
        """The user whom the session was given to, if the driver connects again as that one."""
        user = self.session_notes.user
        return user if user == self._user else None

    def _first_statements(self) -> Iterator[str]:
        if self._time_zone:
            yield f"SET time_zone = '{self._time_zone}'"
        if self._sql_mode:
            yield f"SET sql_mode = '{self._sql_mode}'"
        if self._init_command:
            yield self._init_command


class RememberingConnection(_OfConnector):
    """A connection of MySQL Connector/Python's."""

    if TYPE_CHECKING:
        cmd_query: Callable[..., Any]

    def __init_subclass__(cls) -> None:
        """Have the driver's method that all the cursors call note what it sends."""
        sends = getattr(cls, "cmd_query", None)
        if sends is not None and not hasattr(sends, _NOTES):
            cls.cmd_query = _noting(sends)

    def cmd_init_db(self, database: str) -> Any:
        """Change the database."""
        result = super().cmd_init_db(database)  # type: ignore[misc]
        self._note_database(database)
        return result

    @property
    def database(self) -> Any:
        """The database in use; asks the server."""
        return super().database  # type: ignore[misc]

    @database.setter
    def database(self, name: str) -> None:
        self.cmd_init_db(name)

    @property
    def isolation_level(self) -> str | None:
        """The level of the transactions that begin from now on, as it was set; None: as the server has it."""
        return super().isolation_level

    @isolation_level.setter
    def isolation_level(self, level: str | None) -> None:
        self.cmd_query(isolation_statement(level))

    def cmd_change_user(
        self, username: str = "", password: str = "", database: str = "", *more: Any, **rest: Any
    ) -> Any:
        """Begin another session, of another user, in that database or in none."""
        user = self._other_than_now(username)
        result = super().cmd_change_user(username, password, database, *more, **rest)  # type: ignore[misc]
        self.session_notes = self.session_notes._replace(database=database or None, user=user)
        return result

    def connect(self, **options: Any) -> None:
        """Open the connection, or open it again."""
        note_leaving(self, options)
        with self.beginning_anew(self.first_database, self.session_notes.user):
            with limits(self):
                super().connect(**options)  # type: ignore[misc]
            result_of(note_opened(self))

    def _open_connection(self) -> None:
        # The options have been taken over now.
        self.session_notes = SessionNotes(self.first_database, user=self._lasting_user)
        result_of(prepare(self))
        begin_limit(self)
        super()._open_connection()  # type: ignore[misc]

    def _post_connection(self) -> None:
        # The server has begun the session anew, in the same database; now the driver sets what it remembers itself.
        with self.beginning_anew(self.session_notes.database, self.session_notes.user):
            super()._post_connection()  # type: ignore[misc]


def _noting(sends: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that costs as little as can be: no `super`, and no keywords unless there are some."""

    @wraps(sends)
    def cmd_query(
        self: Any, query: Any, raw: Any = None, buffered: bool = False, raw_as_string: bool = False, **more: Any
    ) -> Any:
        if more:
            result = sends(self, query, raw, buffered, raw_as_string, **more)
        else:
            result = sends(self, query, raw, buffered, raw_as_string)
        if may_tell(query):
            self._note(query, self.python_charset)
        return result

    setattr(cmd_query, _NOTES, True)
    return cmd_query


class AsyncRememberingConnection(_OfConnector):
    """A connection of MySQL Connector/Python's asyncio flavour; see `RememberingConnection`."""

    def cmd_query(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a statement, as all the cursors do."""
        sending = super().cmd_query(query, *args, **kwargs)  # type: ignore[misc]
        return self._noted(sending, query, self.python_charset) if may_tell(query) else sending

    async def cmd_init_db(self, database: str) -> Any:
        """Change the database."""
        result = await super().cmd_init_db(database)  # type: ignore[misc]
        self._note_database(database)
        return result

    async def set_isolation_level(self, level: str | None) -> None:
        """Set the level of the transactions that begin from now on; None: as the server has it."""
        await self.cmd_query(isolation_statement(level))

    async def cmd_change_user(
        self, username: str = "", password: str = "", database: str = "", *more: Any, **rest: Any
    ) -> Any:
        """Begin another session, of another user."""
        user = self._other_than_now(username)
        result = await super().cmd_change_user(username, password, database, *more, **rest)  # type: ignore[misc]
        # The connector gives the new session the database of the connection, if it has one, whatever it is told.
        self.session_notes = self.session_notes._replace(database=self.first_database or database or None, user=user)
        return result

    async def connect(self) -> None:
        """Open the connection again."""
        note_leaving(self)
        with self.beginning_anew(self.first_database, self._lasting_user):
            await prepare(self)
            await open_in_time(self, super().connect())  # type: ignore[misc]
            await note_opened(self)

    async def _post_connection(self) -> None:
        with self.beginning_anew(self.session_notes.database, self.session_notes.user):
            await super()._post_connection()  # type: ignore[misc]
