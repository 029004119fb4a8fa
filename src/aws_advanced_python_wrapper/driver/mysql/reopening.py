"""How a connection opens again when the program wants it to, or a pool of the driver's: where, as whom, and how long.

The limit is the connection's `connect_timeout`, for what the driver itself does. How long it takes to find the host is
not counted.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.mysql.time_limit import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

    from aws_advanced_python_wrapper.driver.contract import CredentialsSource, DriverIo, Follower

SOURCE = "_source_of_credentials"
"""The attribute for where its credentials come from."""

COURSE = "_course"
"""The attribute for who follows the connection."""

_NAMING_HOSTS = frozenset({"host", "port", "unix_socket"})


@dataclass
class Course:
    """Who is told when a connection opens again, and the address that the connection was given last."""

    follower: Follower
    address: tuple[str, int] | None
    """None: the program has named another one, which counts from then on."""
    limits: ExitStack = field(default_factory=ExitStack)
    """The limit of the opening that goes on, in the blocking flavour."""


@dataclass
class Source:
    """Where the credentials come from, and for which address the connection has which password as which user."""

    credentials: CredentialsSource
    address: tuple[str, int]
    user: str
    password: str = field(repr=False)


def set_source(connection: Any, source: CredentialsSource) -> None:
    """Have the source asked whenever a connection that has just been opened opens again."""
    user, password = connection._user, connection._password  # noqa: SLF001 - called so by all the drivers
    vars(connection)[SOURCE] = Source(source, _address(connection), user, password)


def set_course(connection: Any, follower: Follower) -> None:
    """Have a follower told whenever a connection that has just been opened opens again."""
    vars(connection)[COURSE] = Course(follower, _address(connection))


def note_leaving(connection: Any, options: Iterable[str] = ()) -> None:
    """Tell the follower, before anything is forgotten, that the connection is about to open with these options."""
    course: Course | None = vars(connection).get(COURSE)
    if course is not None:
        course.follower.leaving(connection)
        if not _NAMING_HOSTS.isdisjoint(options):
            course.address = None


async def prepare(connection: Any) -> None:
    """Point a connection that is about to open to where it belongs, and give it credentials that are good there."""
    course: Course | None = vars(connection).get(COURSE)
    if course is not None:
        if course.address != _address(connection):
            course.address = None
        if course.address is not None and (found := await course.follower.destination(connection)):
            _point(connection, course, found)
    await _sign_in(connection)


async def open_in_time(connection: Any, opening: Coroutine[Any, Any, None]) -> None:
    """Have the driver open a connection again; raises the driver's error past the limit. For the asyncio flavour."""
    course: Course | None = vars(connection).get(COURSE)
    if course is None:  # who opens it for the first time has set the limit
        await opening
        return
    seconds = connection.seconds_to_connect
    try:
        await course.follower.io.within(seconds, opening, lambda _: connection.drop())
    except TimeoutError as error:
        raise connection.timed_out(_arguments(connection), seconds) from error


def limits(connection: Any) -> AbstractContextManager[object]:
    """Return the block that the limit for the opening of a connection ends with. For the blocking flavour."""
    course: Course | None = vars(connection).get(COURSE)
    return nullcontext() if course is None else course.limits


def begin_limit(connection: Any) -> None:
    """Limit what the driver does from now on until the end of that block, which raises the driver's error then."""
    course: Course | None = vars(connection).get(COURSE)
    if course is not None:
        course.limits.enter_context(_limited(connection, course.follower.io))


@contextmanager
def _limited(connection: Any, io: DriverIo) -> Iterator[None]:
    seconds = connection.seconds_to_connect or math.inf
    limit = TimeLimit(seconds, connection.ending())
    try:
        with io.alarm(seconds, limit.ring):
            yield
    except Exception as error:
        if limit.is_over:
            raise connection.timed_out(_arguments(connection), seconds) from error
        raise
    if limit.rang:
        raise connection.timed_out(_arguments(connection), seconds)


async def note_opened(connection: Any) -> None:
    """Tell the follower that the connection has opened again, and where."""
    course: Course | None = vars(connection).get(COURSE)
    if course is not None:
        await course.follower.opened(connection, _address(connection))


async def _sign_in(connection: Any) -> None:
    """Give a connection that is about to open credentials for its host, unless the program has given its own.

    So it has where the password is another one than the source's, or the session was given to another user.
    """
    source: Source | None = vars(connection).get(SOURCE)
    if source is None or connection._password != source.password or connection.session_notes.user is not None:  # noqa: SLF001
        return
    address = _address(connection)
    found = await source.credentials.credentials(address, needed=address != source.address)
    if found is not None:
        if connection._user == source.user:  # noqa: SLF001
            connection._user = source.user = found.user or source.user  # noqa: SLF001
        connection._password = source.password = found.password  # noqa: SLF001
        source.address = address


def _address(connection: Any) -> tuple[str, int]:
    return connection._host, connection._port  # noqa: SLF001 - called so by all the drivers


def _arguments(connection: Any) -> dict[str, Any]:
    host, port = _address(connection)
    return {"host": host, "port": port, "unix_socket": connection._unix_socket}  # noqa: SLF001


def _point(connection: Any, course: Course, address: tuple[str, int]) -> None:
    if address != course.address:
        connection._host, connection._port = course.address = address  # noqa: SLF001
        connection._unix_socket = None  # noqa: SLF001 - it is that of the host before
