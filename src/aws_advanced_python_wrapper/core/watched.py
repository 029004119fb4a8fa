"""What a driver hands out that touches the network later: blocks to enter and leave, rows that come one by one."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.errors import FailoverError, TransactionResolutionUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.adapter import RawConnection

T = TypeVar("T")

_INCOMPLETE = (
    "The connection was lost inside this block, which may or may not have been completed. Repeat the block as a whole, "
    "not a statement of it: catch failover errors around it."
)

_END: Any = object()


def watched(session: Session, function: Callable[..., T]) -> Callable[..., T]:
    """Return a driver's method as one whose calls go through the session."""

    def call(*args: Any, **kwargs: Any) -> T:
        return session.call(function, *args, **kwargs)

    return call


def watched_rows(session: Session, rows: Iterator[T]) -> Iterator[T]:
    """Return an iterator that gets each row in a call of the session's."""
    return _rows(session, _On(session.raw, partial(next, rows, _END)), rows)


def _rows(session: Session, step: Callable[[], T], rows: Iterator[T]) -> Iterator[T]:
    try:
        while (row := session.call(step)) is not _END:
            yield row
    finally:
        if isinstance(rows, Generator):
            rows.close()


class WatchedBlock(Generic[T]):
    """A context manager of the driver's: entered and left in calls of the session's.

    Where the connection is lost inside the block by a call that the session did not see (the driver's own objects for a
    block have such calls), that is dealt with when the block is left.
    """

    __slots__ = ("_block", "_raw", "_session")

    def __init__(self, session: Session, block: AbstractContextManager[T]) -> None:
        self._session = session
        self._raw: RawConnection = session.raw
        self._block = block

    def __enter__(self) -> T:
        entered: T = self._call(self._block.__enter__)
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        session = self._session
        suppressed = bool(self._call(self._block.__exit__, kind, error, traceback))
        lost = self._raw is not session.raw or session.adapter.is_closed(self._raw)
        if lost and kind is None and not session.closed:
            # The driver leaves a block of a lost connection without a word, and the program would take it for done.
            raise session.adapter.error(TransactionResolutionUnknownError, _INCOMPLETE)
        if lost and not suppressed and isinstance(error, Exception) and not isinstance(error, FailoverError):
            run(session.recover(_On(self._raw, self._block.__exit__), error))
        return suppressed

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._session.call(_On(self._raw, function), *args)


class _On:
    """A function that works on a connection, and says on which as a bound method would."""

    __slots__ = ("__self__", "_function")

    def __init__(self, raw: RawConnection, function: Callable[..., Any]) -> None:
        self.__self__ = raw
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)
