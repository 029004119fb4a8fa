"""The errors this driver raises itself, and their marriage with a database driver's exception classes.

A database driver's error that needs no handling reaches the program as it is and is none of these. Ours can
be caught three ways: by their own class, by the PEP 249 class of ``aws_advanced_python_wrapper.pep249``
and, once combined by ``driver_class``, by the database driver's class of the same kind.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aws_advanced_python_wrapper import pep249
from aws_advanced_python_wrapper.pep249 import Error, InterfaceError, NotSupportedError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

E = TypeVar("E", bound=Error)


class AwsWrapperError(Error):
    """A wrong configuration, or a failure in what this driver does on its own account.

    ``original_error`` becomes the ``__cause__``, just as ``raise ... from original_error`` does.
    """

    def __init__(self, message: str = "", original_error: BaseException | None = None) -> None:
        super().__init__(message)
        if original_error is not None:
            self.__cause__ = original_error

    @property
    def driver_error(self) -> BaseException | None:
        """The innermost exception of the database driver that led to this one, None if there was none."""
        found = None
        for cause in _causes(self):
            if _is_drivers_own(cause):
                found = cause
        return found


class UnsupportedOperationError(AwsWrapperError, NotSupportedError):
    """This server, driver or configuration cannot do what was asked for."""


class QueryTimeoutError(AwsWrapperError, OperationalError):
    """A call took longer than the time allowed; its connection must be taken for broken."""


class AwsConnectError(AwsWrapperError, OperationalError):
    """The network failed while a connection was being opened."""


class ReadWriteSplittingError(AwsWrapperError, InterfaceError):
    """The connection could not be switched between writer and reader."""


class FailoverError(OperationalError):
    """Base of the three outcomes of a failover; the lost connection's error is the ``__cause__``."""


class FailoverSuccessError(FailoverError):
    """The connection now leads to a working host; no transaction was open. Run the statement again."""

    sqlstate = "08S02"


class FailoverFailedError(FailoverError):
    """No host could be reached in the time allowed. The connection is of no more use: open a new one."""

    sqlstate = "08001"


class TransactionResolutionUnknownError(FailoverError):
    """The connection now leads to a working host; what became of the open transaction is unknown."""

    sqlstate = "08007"


_PEP_249_ERRORS = frozenset(
    {
        pep249.Error,
        pep249.InterfaceError,
        pep249.DatabaseError,
        pep249.DataError,
        pep249.OperationalError,
        pep249.IntegrityError,
        pep249.InternalError,
        pep249.ProgrammingError,
        pep249.NotSupportedError,
    }
)


def matching(error_class: type[Error], driver_module: ModuleType) -> type[Exception]:
    """Return the class of ``driver_module`` (a PEP 249 module) that is nearest in kind to ``error_class``."""
    nearest = next(base for base in error_class.__mro__ if base in _PEP_249_ERRORS)
    return cast("type[Exception]", getattr(driver_module, nearest.__name__))


def driver_class(error_class: type[E], driver_base: type[Exception]) -> type[E]:
    """Return a class that is both ``error_class`` and ``driver_base``, named like the former.

    It keeps the SQLSTATE of ``error_class`` whatever the database driver's constructor or class says, and
    its instances can be copied and pickled. The same two classes always give the same class.
    """
    return cast("type[E]", _combined((error_class, driver_base)))


@functools.cache
def _combined(pair: tuple[Any, Any]) -> Any:
    error_class, driver_base = pair
    if issubclass(error_class, driver_base):
        return error_class

    def initialise(self: Any, *args: Any, **options: Any) -> None:
        super(combined, self).__init__(*args, **options)
        if error_class.sqlstate is not None:
            self.sqlstate = error_class.sqlstate

    def reduce(self: Any) -> tuple[Any, ...]:
        state = super(combined, self).__reduce__()[2:]
        return _rebuild, (error_class, driver_base.__module__, driver_base.__qualname__, self.args), *state

    namespace = {
        "__init__": initialise,
        "__reduce__": reduce,
        "__module__": error_class.__module__,
        "__qualname__": error_class.__qualname__,
        "__doc__": error_class.__doc__,
    }
    combined: Any = type(error_class.__name__, (error_class, driver_base), namespace)
    return combined


def _rebuild(error_class: type[Error], module: str, qualname: str, args: tuple[Any, ...]) -> Any:
    """Make an instance of a combined class again; the caller (pickle or copy) restores its attributes."""
    driver_base: Any = importlib.import_module(module)
    for name in qualname.split("."):
        driver_base = getattr(driver_base, name)
    combined = _combined((error_class, driver_base))
    return combined.__new__(combined, *args)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _is_drivers_own(error: BaseException) -> bool:
    """Tell a driver's exception by the base class PEP 249 prescribes: no driver is imported here."""
    return not isinstance(error, Error) and any(base.__name__ == "Error" for base in type(error).__mro__)


def first_line(error: BaseException) -> str:
    """Return what an error says, without the advice and the context that drivers add in further lines."""
    return str(error).strip().partition("\n")[0]
