"""How our objects answer for the driver's: attribute by attribute."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache, partial
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from aws_advanced_python_wrapper.core.watched import WatchedBlock, watched_rows
from aws_advanced_python_wrapper.pep249 import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter


class Facade:
    """An object of ours that stands for one of the driver's; this is the blocking flavour."""

    __slots__ = ()

    _session: Session
    _raw: Any
    """The driver's object; that of a connection changes with a failover."""
    connection: Any
    """The connection that the program holds."""

    _block_class: ClassVar[Callable[..., Any]] = WatchedBlock
    _watched_rows: ClassVar[Callable[..., Any]] = staticmethod(watched_rows)

    @abstractmethod
    def _ours(self, value: Any) -> Any:
        """Return our object that stands for a connection or cursor of the driver's; any other value as it is."""

    @abstractmethod
    def _rows_moved(self) -> None:
        """Look again where the rows of all cursors are."""

    def _caller(self, session: Session) -> Callable[..., Any]:
        """Return what makes a call through the session."""
        return session.call

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a driver's method as one whose calls go through the session."""
        call, ours = self._session.call, self._ours
        return lambda *args, **kwargs: ours(call(function, *args, **kwargs))

    def _may_wait(self, method: Callable[..., Any]) -> bool:  # noqa: ARG002
        """Tell whether a method of the program's may touch the network."""
        return True

    def _answer(self, name: str, calls: frozenset[str]) -> Any:
        """Return an attribute of the driver's object, watched if it touches the network now or later."""
        raw, session = self._raw, self._session
        value = getattr(raw, name)
        adapter = session.adapter
        if name in calls or (_is_the_programs_own(value, raw, adapter) and self._may_wait(value)):
            return self._watched(value)
        if name in adapter.blocks:
            return partial(self._block, name)
        if name in adapter.row_sources:
            return lambda *args, **kwargs: self._watched_rows(session, value(*args, **kwargs), self._ours)
        return self._ours(value)

    def _block(self, name: str, *args: Any, **kwargs: Any) -> Any:
        def make() -> Any:
            return getattr(self._raw, name)(*args, **kwargs)

        moved = self._rows_moved if name in self._session.adapter.row_modes else None
        return self._block_class(self._session, self.connection, name, make, moved)


if TYPE_CHECKING:
    of_class = classmethod
else:

    class of_class(classmethod):  # noqa: N801 - a decorator
        """Makes a method of the class, for which connections have the driver's own if that has one of this name."""

        def __get__(self, facade: Any, owner: type | None = None) -> Any:
            """Return the method."""
            if facade is not None and self.__name__ in facade._session.adapter.connection_calls:  # noqa: SLF001
                return facade.__getattr__(self.__name__)
            return super().__get__(facade, owner)


def _is_the_programs_own(value: Any, raw: Any, adapter: DriverAdapter) -> bool:
    """Tell whether a value is a method of `raw` that a class of the program's adds to the driver's."""
    if not isinstance(value, MethodType) or value.__self__ is not raw:
        return False
    return value.__module__.partition(".")[0] != adapter.package


class _Answer:
    """An attribute of the driver's object, as an attribute of ours."""

    def __init__(self, name: str, answer_for: Callable[[Any, str], Any]) -> None:
        self._name = name
        self._answer_for = answer_for

    def __get__(self, facade: object | None, owner: type) -> Any:
        return self if facade is None else self._answer_for(facade, self._name)


@lru_cache(maxsize=64)  # bounded: a program may make cursor classes as it goes
def answering_for(base: type, raw: type, answer_for: Callable[[Any, str], Any]) -> type:
    """Return a subclass of `base` with the attributes of a driver's class `raw`, each given by `answer_for`.

    A class with `__getattr__` would do, but makes Python slower to find every attribute, the fetch methods too. So that
    is only for classes that do not tell all attributes of their instances.
    """
    body: dict[str, Any] = {name: _Answer(name, answer_for) for name in dir(raw) if not hasattr(base, name)}
    if raw.__dictoffset__:
        body["__getattr__"] = answer_for
    return type(base.__name__, (base,), {"__slots__": (), "__module__": base.__module__, **body})


class StaleCursor:
    """Stands where the driver's cursor stood, and refuses everything but to be closed."""

    closed = True

    def __init__(self, adapter: DriverAdapter, reason: str) -> None:
        self._adapter = adapter
        self._reason = reason

    def refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Raise what every call on this cursor raises."""
        raise self._adapter.error(InterfaceError, f"This cursor has ended: {self._reason}. Open a new cursor.")

    def close(self) -> None:
        """Nothing is left to close."""

    def __getattr__(self, name: str) -> NoReturn:
        self.refuse()

    def __iter__(self) -> Iterator[Any]:
        self.refuse()

    def __repr__(self) -> str:
        return "<a cursor of a lost connection>"
