"""How our objects answer for the driver's: attribute by attribute."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn

from aws_advanced_python_wrapper.core.watched import WatchedBlock, watched, watched_rows
from aws_advanced_python_wrapper.pep249 import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter


def answer(session: Session, name: str, value: Any, calls: frozenset[str]) -> Any:
    """Return the driver's own attribute, watched if it is a method that touches the network now or later."""
    adapter = session.adapter
    if name in calls:
        return watched(session, value)
    if name in adapter.blocks:
        return lambda *args, **kwargs: WatchedBlock(session, value(*args, **kwargs))
    if name in adapter.row_sources:
        return lambda *args, **kwargs: watched_rows(session, value(*args, **kwargs))
    return value


class _Answer:
    """An attribute of the driver's object, as an attribute of ours."""

    def __init__(self, name: str, answer_for: Callable[[Any, str], Any]) -> None:
        self._name = name
        self._answer_for = answer_for

    def __get__(self, facade: object | None, owner: type) -> Any:
        return self if facade is None else self._answer_for(facade, self._name)


@functools.lru_cache(maxsize=64)  # bounded: a program may make cursor classes as it goes
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
