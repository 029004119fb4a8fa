"""What a database driver's adapter and the rest of the driver hand to each other."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aws_advanced_python_wrapper.deadline import Deadline

RawConnection: TypeAlias = Any  # a connection of the wrapped driver
RawCursor: TypeAlias = Any  # a cursor of the wrapped driver
Rows: TypeAlias = Sequence[tuple[str | None, ...]]

ONLY_OVER_TLS = "only_over_tls"
"""Stands among the arguments for a driver where the password is a token, which is told to the server as it is."""

T = TypeVar("T")


class ErrorKind(Enum):
    """What a driver error means for the connection it was raised on."""

    NETWORK = "network"
    LOGIN = "login"
    READ_ONLY = "read_only"
    OTHER = "other"


class Credentials(Protocol):
    """With what a connection is opened."""

    @property
    def user(self) -> str | None:
        """None: as before."""
        ...

    @property
    def password(self) -> str:
        """A password or token."""
        ...


class CredentialsSource(Protocol):
    """Gives a connection that the program opens again its credentials. In the blocking flavour it never suspends."""

    async def credentials(self, address: tuple[str, int], *, needed: bool) -> Credentials | None:
        """Return those for this host and port; None: those that the connection has.

        They are `needed` where the connection has none that are for this host. Raises `AwsWrapperError`, an instance of
        the driver's class too, where there are none then.
        """
        ...


class DriverIo(Protocol):
    """The part of the outside world an adapter needs; `core.io` implements it for each flavour."""

    async def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a driver function, awaiting what it returns where the driver is asynchronous."""
        ...

    async def acquire(self, lock: Any, timeout: float) -> bool:
        """Take a lock of the driver's; False after `timeout` seconds."""
        ...

    async def within(self, seconds: float | None, opening: Coroutine[Any, Any, T], end: Callable[[T], object]) -> T:
        """Return what `opening` opens, or raise TimeoutError after `seconds`; None for no limit.

        Where nobody waits for it any more it is cancelled; what it has opened nevertheless is given to `end`.
        """
        ...

    async def wait_socket(self, descriptor: int, *, writing: bool, timeout: float) -> bool:
        """Wait until a socket can be read (or also written); False after `timeout` seconds."""
        ...

    async def resolve(self, host: str) -> Sequence[tuple[Any, ...]]:
        """Return what `socket.getaddrinfo` does, with the canonical name."""
        ...

    def alarm(self, seconds: float, ring: Callable[[], float | None]) -> AbstractContextManager[Alarm]:
        """Have `ring` called, in any thread, if the block lasts so long; see `Alarm`."""
        ...


class Alarm(Protocol):
    """Goes off while a block lasts, for calls that know no limit of their own."""

    @property
    def rang(self) -> bool:
        """Whether the time was up: `ring` returned None, and not the seconds until it is to be called again."""
        ...


class Peer(NamedTuple):
    """Where a connection really leads, whatever names say: an IP address with a port, or the path of a Unix socket."""

    address: str
    port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class DriverProbe(Protocol):
    """A connection of our own, which serves to hear from a server."""

    async def check(self, io: DriverIo, deadline: Deadline) -> bool:
        """Tell whether the server says anything before the deadline; whatever it says shows that it lives.

        What is raised is no verdict on the server: this process could not ask.
        """
        ...

    def close(self) -> None:
        """End the connection without waiting for the server."""
        ...


class Follower(Protocol):
    """Who is told when a program has a connection opened again by the driver's own methods.

    In the blocking flavour its coroutines never suspend.
    """

    io: DriverIo
    """Through which whoever waits for the connection does so."""

    def leaving(self, connection: RawConnection) -> None:
        """Note what is true of a connection that is about to open again."""
        ...

    async def destination(self, connection: RawConnection) -> tuple[str, int] | None:
        """Return the host and port where it belongs; None: where it was. Raises the driver's error if nobody knows."""
        ...

    async def opened(self, connection: RawConnection, address: tuple[str, int]) -> None:
        """Go on with a connection that has opened at this host and port; raises what the driver raises."""
        ...


class TransactionSource(Protocol):
    """What knows, without asking the server, whether a transaction is open."""

    @property
    def transaction_status(self) -> int:
        """The driver's own number for it."""
        ...
