"""The exception classes of the fake driver: those of PEP 249, and one for each thing that can be wrong with a host."""

from __future__ import annotations


class Warning(Exception):  # noqa: A001, N818 - PEP 249 gives the name
    """PEP 249's class for warnings; nothing here raises it."""


class Error(Exception):
    """Base of all errors of the fake driver."""

    sqlstate: str | None = None


class InterfaceError(Error):
    """PEP 249: the driver was used in a way it is not meant for."""


class DatabaseError(Error):
    """PEP 249: something is wrong with the database."""


class DataError(DatabaseError):
    """PEP 249: a value is out of range, or the like."""


class OperationalError(DatabaseError):
    """PEP 249: what the program cannot help."""


class IntegrityError(DatabaseError):
    """PEP 249: a constraint is violated."""


class InternalError(DatabaseError):
    """PEP 249: the database is not in the state that the program takes it for."""


class ProgrammingError(DatabaseError):
    """PEP 249: the statement is wrong."""


class NotSupportedError(DatabaseError):
    """PEP 249: the database cannot do that."""


class NetworkError(OperationalError):
    """The connection is lost, or none can be opened: what makes `failover` act."""


class LoginError(OperationalError):
    """The host refuses the user."""


class ReadOnlyError(InternalError):
    """A write to a host, or in a transaction, that only reads."""
