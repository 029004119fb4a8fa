"""What a driver hands out that touches the network later: blocks to enter and leave, rows that come one by one."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial, wraps
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.errors import (
    FailoverError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.contract import RawConnection

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


def watched_rows(
    session: Session, rows: Iterator[Any], ours: Callable[[Any], Any] = lambda row: row
) -> Generator[Any, None, None]:
    """Return an iterator that gets each row in a call of the session's, passed through `ours`."""
    return _rows(session, On(session.raw, partial(next, rows, _END)), rows, ours)


def _rows(
    session: Session, step: Callable[[], Any], rows: Iterator[Any], ours: Callable[[Any], Any]
) -> Generator[Any, None, None]:
    try:
        while (row := session.call(step)) is not _END:
            yield ours(row)
    finally:
        if isinstance(rows, Generator):
            rows.close()


class Block(Generic[T]):
    """What the watched blocks of both flavours share: everything but entering and leaving.

    `connection` is the program's, `name` the driver's method that makes the block as `make` does, and `moved` is called
    where the block decides when rows come over the network.
    """

    __slots__ = ("_block", "_connection", "_make", "_moved", "_name", "_own", "_raw", "_replaced", "_session")

    def __init__(
        self, session: Session, connection: Any, name: str, make: Callable[[], T], moved: Callable[[], None] | None
    ) -> None:
        self._session = session
        self._connection = connection
        self._name = name
        self._make = make
        self._moved = moved
        self._raw: RawConnection = session.raw
        self._block = make()
        self._own: dict[str, Any] = {}
        self._replaced: dict[str, Any] = {}

    def _prepare(self, entered: Any, watch: Callable[[Session, Any], Any]) -> None:
        """Have calls watched on the object itself: it stays the same to the driver, whose own loops call them too."""
        self._session.adapter.lend(entered, self._connection)
        own = self._own = getattr(entered, "__dict__", {})
        for name in self._session.adapter.block_calls:
            method = getattr(entered, name, None)
            if isinstance(method, MethodType):  # else it is watched already, by a block around this one
                self._replaced[name] = own.get(name)
                own[name] = watch(self._session, On(self._raw, method))
        self._look_for_rows()

    def _restore(self) -> None:
        """Take the watched calls away: they refer to their object, which could not be collected at once."""
        for name, replaced in self._replaced.items():
            self._own[name] = replaced
            if replaced is None:
                del self._own[name]

    def _look_for_rows(self) -> None:
        if self._moved is not None:
            self._moved()

    async def _settle(self, error: BaseException | None, suppressed: bool) -> None:
        """Deal with a connection that was lost inside: by a call the session did not see, or whose error was swallowed.

        The driver leaves a block of a lost connection without a word, and the program would take it for done.
        """
        session = self._session
        if isinstance(error, FailoverSuccessError):
            raise error
        replaced = self._raw is not session.raw
        if session.closed or not (replaced or session.adapter.is_closed(self._raw)):
            return
        if replaced and error is None:
            raise self._unresolved()
        loss = session.adapter.loss() if error is None else error
        if isinstance(loss, Exception) and not suppressed and not isinstance(loss, FailoverError):
            await session.recover(On(self._raw, self._restore), loss, session.transaction_status)

    def _unresolved(self) -> TransactionResolutionUnknownError:
        return self._session.adapter.error(TransactionResolutionUnknownError, _INCOMPLETE)

    def _again(self) -> Self:
        """Return a new block of the same kind, as decorators need one for each call."""
        return type(self)(self._session, self._connection, self._name, self._make, self._moved)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._block)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._block, name)


class WatchedBlock(Block[Any]):
    """A context manager of the driver's: entered and left in calls of the session's, as are those of what it gives."""

    __slots__ = ()

    def __enter__(self) -> Any:
        entered = self._call("__enter__", self._block.__enter__)
        self._prepare(entered, watched)
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._restore()
        try:
            suppressed = bool(self._call("__exit__", self._block.__exit__, kind, error, traceback))
            run(self._settle(error, suppressed))
        except FailoverSuccessError as outcome:
            raise self._unresolved() from outcome.__cause__
        finally:
            self._look_for_rows()
        return suppressed

    def _call(self, step: str, function: Callable[..., Any], *args: Any) -> Any:
        return self._session.call(On(self._raw, function, f"{self._name}.{step}"), *args)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function: each of its calls is made in a block of its own."""

        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return inside


def setter(raw: RawConnection, name: str) -> Callable[[Any], None]:
    """Return a function that sets an attribute, by the name that drivers give such a method where they have it."""
    return On(raw, partial(setattr, raw, name), f"set_{name}")


class On:
    """A function that works on a connection, and says on which as a bound method would.

    For plugins it has the name of a method, and the object that the method is of: the connection, unless the function
    is a method of something else's and given without another name.
    """

    __slots__ = ("__name__", "__self__", "_function", "owner")

    def __init__(self, raw: RawConnection, function: Callable[..., Any], name: str | None = None) -> None:
        self.__self__ = raw
        self._function = function
        self.__name__ = name or getattr(function, "__name__", "__next__")
        self.owner = raw if name else getattr(function, "__self__", raw)

    def __call__(self, *args: Any) -> Any:
        """Call the function."""
        return self._function(*args)
