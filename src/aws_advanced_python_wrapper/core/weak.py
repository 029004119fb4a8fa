"""A collection that keeps nothing alive, and that any thread may change while another one goes through it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class WeakCollection(Generic[T]):
    """Objects that are held weakly. A `WeakSet` raises if it is changed during an iteration; this one goes on."""

    def __init__(self) -> None:
        self._references: set[weakref.ref[T]] = set()

    def add(self, item: T) -> None:
        """Hold an object for as long as others do."""
        self._references.add(weakref.ref(item, self._references.discard))

    def __iter__(self) -> Iterator[T]:
        for reference in self._references.copy():  # a single step for Python
            if (item := reference()) is not None:
                yield item
