"""What differs between database drivers and never changes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class DriverTraits:
    """The constants of an adapter."""

    code: ClassVar[str]
    engine: ClassVar[str]
    """The database that the driver is for: "postgresql" or "mysql"."""
    default_port: ClassVar[int]
    connection_calls: ClassVar[frozenset[str]]
    """Connection methods that touch the network and are not part of PEP 249."""
    cursor_calls: ClassVar[frozenset[str]]
    """Cursor methods that touch the network and are not part of PEP 249."""
    blocks: ClassVar[frozenset[str]] = frozenset()
    """Methods of either that return a context manager, which touches the network when it is entered and left."""
    block_calls: ClassVar[frozenset[str]] = frozenset()
    """Methods, of what a block gives to the program, that touch the network."""
    row_modes: ClassVar[frozenset[str]] = frozenset()
    """Blocks inside which rows come over the network only when they are fetched."""
    row_sources: ClassVar[frozenset[str]] = frozenset()
    """Methods of either that return an iterator, which touches the network for each item."""
    setters: ClassVar[frozenset[str]] = frozenset()
    """Attributes of a connection that touch the network when they are set."""
    getters: ClassVar[frozenset[str]] = frozenset()
    """Attributes of a connection that touch the network when they are read."""
    commits_on_exit: ClassVar[bool] = True
    """Whether the end of a block ``with connection:`` commits before it closes."""
    awaited_cursors: ClassVar[bool] = False
    """Whether the program awaits what `cursor` returns."""
    own_attributes: ClassVar[frozenset[str]] = frozenset()
    """What we note on a connection: the next one has its own."""
    plain_methods: ClassVar[bool] = False
    """Whether `close` and `get_autocommit` of an asyncio driver's connections are no coroutines."""
    closers: ClassVar[frozenset[str]] = frozenset()
    """Other methods that close a connection."""
    limits_waits: ClassVar[bool] = False
    """Whether `limit_waits` does anything; otherwise the session watches its calls."""
    package: ClassVar[str]
    """The driver's top-level package: a method that is defined elsewhere is the program's own."""

    session_parameters: ClassVar[frozenset[str]]
    """Connection parameters that shape the program's own session and have no place in the driver's connections."""
    neutral_parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What the driver's connections are given in their place: an environment variable would be heeded otherwise."""
