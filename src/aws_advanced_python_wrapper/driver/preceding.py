"""Classes of ours for objects that a driver has made already."""

from __future__ import annotations

from abc import ABCMeta
from functools import lru_cache
from typing import Any


class _Preceding(ABCMeta):
    """Finds attributes in our parts before the driver's class.

    In the list of bases the driver's class is first: an object can only become one of a class whose layout is inherited
    from its own class, and layout comes from the first base.
    """

    def mro(cls) -> list[type]:
        drivers = cls.__bases__[0].__mro__
        ours = [part for part in super().mro()[1:] if part not in drivers]
        return [cls, *ours, *drivers]


@lru_cache(maxsize=64)  # bounded: a program may make classes as it goes
def preceded(drivers: Any, *parts: Any) -> type:
    """Return a subclass of a driver's class, or of the program's, of the same name; parts of ours go first."""
    body = {name: getattr(drivers, name) for name in ("__module__", "__qualname__", "__doc__")}
    return _Preceding(drivers.__name__, (drivers, *parts), body)
