"""The driver's own PEP 249 surface: exceptions, types, type constructors, type objects and module constants.

Everything follows https://peps.python.org/pep-0249/. Nothing here imports a database driver.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"


class Warning(Exception):  # noqa: A001, N818 - PEP 249 gives the name
    """Something the database reported that is no error, such as data cut off at an insert."""


class Error(Exception):
    """Base of every error raised by this driver.

    ``sqlstate`` is the five-character SQLSTATE and ``errno`` a MySQL error number; either may be None.
    """

    sqlstate: str | None = None
    errno: int | None = None


class InterfaceError(Error):
    """An error of the interface, not of the database."""


class DatabaseError(Error):
    """An error of the database."""


class DataError(DatabaseError):
    """A value the database cannot process: division by zero, number out of range."""


class OperationalError(DatabaseError):
    """The database could not operate, often through no fault of the program: a lost connection."""


class IntegrityError(DatabaseError):
    """The relational integrity is at stake: a foreign key or unique check failed."""


class InternalError(DatabaseError):
    """The database met an internal error: an invalid cursor, a transaction out of step."""


class ProgrammingError(DatabaseError):
    """The program asked for something impossible: an unknown table, wrong SQL, too few parameters."""


class NotSupportedError(DatabaseError):
    """The database or the driver does not offer what was asked for."""


class ConnectionTimeout(OperationalError):  # noqa: N818 - psycopg users know it by this name
    """No connection could be opened in the time allowed."""


class PipelineAborted(OperationalError):  # noqa: N818 - psycopg users know it by this name
    """A statement was skipped because an earlier one in the same pipeline failed."""


class Cursor(Protocol):
    """A blocking cursor, for annotations; beyond PEP 249 it has what the driver's own has."""

    def execute(self, operation: Any, parameters: Any = ..., /) -> Any:
        """Execute a statement."""
        ...

    def executemany(self, operation: Any, parameters: Any, /) -> Any:
        """Execute a statement once for each set of parameters."""
        ...

    @property
    def fetchone(self) -> Callable[[], Any]:
        """Return the next row, or None."""
        ...

    @property
    def fetchmany(self) -> Callable[..., Any]:
        """Return the next rows, `arraysize` of them unless another number is given."""
        ...

    @property
    def fetchall(self) -> Callable[[], Any]:
        """Return all rows that are left."""
        ...

    def close(self) -> Any:
        """Close the cursor."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    if TYPE_CHECKING:

        def __getattr__(self, name: str, /) -> Any: ...


class Connection(Protocol):
    """A blocking connection, for annotations; beyond PEP 249 it has what the driver's own has."""

    def cursor(self) -> Cursor:
        """Open a cursor."""
        ...

    def commit(self) -> None:
        """Commit the open transaction."""
        ...

    def rollback(self) -> None:
        """Roll the open transaction back."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    if TYPE_CHECKING:

        def __getattr__(self, name: str, /) -> Any: ...


class TypeObject:
    """A set of column type codes; it equals each of its members, as PEP 249 asks of type objects.

    The members are PostgreSQL type oids and MySQL field types together. MySQL's BIT (16) is in none of them:
    the same number is PostgreSQL's boolean.
    """

    __slots__ = ("codes", "name")

    def __init__(self, name: str, *codes: int) -> None:
        self.name = name
        self.codes = frozenset(codes)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeObject):
            return self.codes == other.codes
        if isinstance(other, int):
            return other in self.codes
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.codes)

    def __repr__(self) -> str:
        return f"<TypeObject {self.name}>"


# PostgreSQL oids come first (pg_type.dat), then MySQL's field types (enum_field_types).
STRING = TypeObject("STRING", 19, 25, 1042, 1043, 15, 247, 253, 254)
BINARY = TypeObject("BINARY", 17, 249, 250, 251, 252)
NUMBER = TypeObject("NUMBER", 20, 21, 23, 700, 701, 1700, 0, 1, 2, 3, 4, 5, 8, 9, 13, 246)
DATETIME = TypeObject("DATETIME", 1082, 1083, 1114, 1184, 1186, 1266, 7, 10, 11, 12, 14)
ROWID = TypeObject("ROWID", 26)

Date = dt.date
Time = dt.time
Timestamp = dt.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> dt.date:  # noqa: N802 - PEP 249 gives the name
    """Return the local date of ``ticks`` seconds since the epoch."""
    return dt.date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> dt.time:  # noqa: N802 - PEP 249 gives the name
    """Return the local time of day, in whole seconds, of ``ticks`` seconds since the epoch."""
    return dt.time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> dt.datetime:  # noqa: N802 - PEP 249 gives the name
    """Return the time stamp, with the local time zone, of ``ticks`` seconds since the epoch."""
    return dt.datetime.fromtimestamp(ticks, dt.timezone.utc).astimezone()
