"""What the rest of the driver may ask of a database driver, whichever it is."""

from __future__ import annotations

import socket
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from aws_advanced_python_wrapper.driver.session_state import SessionStateAccess
from aws_advanced_python_wrapper.driver.traits import DriverTraits
from aws_advanced_python_wrapper.errors import driver_class, matching
from aws_advanced_python_wrapper.parameters.network import CONNECT_TIMEOUT
from aws_advanced_python_wrapper.pep249 import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import (
        CredentialsSource,
        DriverIo,
        DriverProbe,
        ErrorKind,
        Follower,
        Peer,
        RawConnection,
        RawCursor,
        Rows,
        TransactionSource,
    )
    from aws_advanced_python_wrapper.properties import Settings

E = TypeVar("E", bound=Error)

_NO_SUCH_HOST = (socket.EAI_NONAME, socket.EAI_NODATA)


class DriverAdapter(SessionStateAccess, DriverTraits):
    """Everything that differs between database drivers, for one connect callable of the user's.

    An adapter holds no connection and no state: every method takes the raw connection it works on.
    """

    def __init__(self, connect: Callable[..., Any]) -> None:
        self.connect = connect

    @property
    @abstractmethod
    def errors(self) -> ModuleType:
        """The module that holds the driver's PEP 249 exception classes."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """All that the driver raises when a call fails: the base class of PEP 249, and what the driver forgot there."""
        return (self.errors.Error,)

    def error(self, error_class: type[E], message: str) -> E:
        """Make one of our errors that is also an instance of the driver's class of the same kind."""
        return driver_class(error_class, matching(error_class, self.errors))(message)

    def loss(self) -> Exception:
        """Make the driver's error for a connection that is found to be lost."""
        error: Exception = self.errors.OperationalError("the connection is lost")
        return error

    @property
    @abstractmethod
    def parameters(self) -> frozenset[str]:
        """The names that the driver's own connect function accepts."""

    @property
    def typed_parameters(self) -> Mapping[str, Parameter[Any]]:
        """How those of the `parameters` are read as text, from a string or a file, that are taken in another type."""
        return {}

    def from_environment(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the driver takes from environment variables and files of `host`, `hostaddr`, `port` and `user`.

        `given` are the user's arguments for the driver. Raises the driver's error where these point at nothing.
        """
        del given
        return {}

    def is_told_elsewhere(self, given: Mapping[str, Any]) -> bool:
        """Whether the user's arguments, or the environment, name a service or file that tells where to connect."""
        del given
        return False

    def guesses_user(self, given: Mapping[str, Any]) -> bool:
        """Whether the driver would sign in as the operating system's user, as it is told no other one."""
        del given
        return False

    @abstractmethod
    def blocking(self) -> DriverAdapter:
        """Return an adapter of the driver's blocking flavour, for background threads."""

    @abstractmethod
    def arguments(self, settings: Settings, host: str, port: int) -> dict[str, Any]:
        """Return the keyword arguments that open a connection to a host with the user's settings."""

    def seconds_to_connect(self, settings: Settings) -> int | None:
        """Return the seconds that opening a connection may take, signing in included; None: there is no limit."""
        return settings[CONNECT_TIMEOUT] or None

    def token_settings(self, settings: Settings) -> Settings:
        """Return settings with which a password is told to the server as it is, over TLS only.

        What the program wants of TLS beyond that stays. Raises `AwsWrapperError`, an instance of the driver's class
        too, where the settings do not go with that; so does `arguments` with the settings that are returned.
        """
        return settings

    async def open(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Open a connection; raises whatever the driver raises, untouched."""
        return await io.call(self.connect, **arguments)

    def reopen_with(self, raw: RawConnection, source: CredentialsSource) -> None:
        """Have a connection ask the source for credentials when the program opens it again without giving its own.

        The source is asked from any thread.
        """
        del raw, source

    def follow(self, raw: RawConnection, follower: Follower) -> None:
        """Have a follower told whenever the program opens a connection again, where the driver has methods for that."""
        del raw, follower

    async def canonical_name(self, io: DriverIo, host: str) -> str:
        """Return the name that stands behind `host` in DNS in the end: another one if it is an alias, else `host`.

        Raises LookupError if there is no such host. A resolver that fails for now tells nothing: `host` it is.
        """
        try:
            found = await io.resolve(host)
        except socket.gaierror as error:
            if error.errno in _NO_SUCH_HOST:
                raise LookupError(f"there is no host {host!r}") from error
            return host
        return str(found[0][3]) or host

    @abstractmethod
    async def query(self, io: DriverIo, raw: RawConnection, sql: str, deadline: Deadline) -> Rows:
        """Run one of our own queries outside the user's transaction and cursors, within the deadline.

        Values come as text. Raises the driver's error; past the deadline the connection is aborted and the
        driver's `OperationalError` is raised as `QueryTimeoutError`.
        """

    def limit_waits(self, raw: RawConnection, seconds: float | None, address: str) -> None:
        """Have each wait for the server end after `seconds`: by `QueryTimeoutError`, on a connection that is lost then.

        None lifts the limit of the connection's last user. `address` is how the error calls the host.
        """
        del raw, seconds, address

    @abstractmethod
    def abort(self, raw: RawConnection) -> None:
        """End a connection from any thread by shutting down its socket: nothing is freed or closed."""

    @abstractmethod
    def peer(self, raw: RawConnection) -> Peer | None:
        """Return where a connection leads; None if it is lost. No I/O."""

    def last_heard(self, raw: RawConnection) -> float | None:
        """Return the seconds since data came from the server last; None where nobody knows. From any thread."""
        del raw
        return None

    def keep_alive(self, raw: RawConnection, settings: Settings, interval: float, count: int) -> None:
        """Turn TCP keepalive on, from any thread, unless the user has said something about it.

        `interval` is in seconds; after `count` probes without answer the operating system ends the connection.
        """

    @abstractmethod
    def probe(self, settings: Settings, host: str, peer: Peer) -> DriverProbe:
        """Return a probe of the server at `peer`, which goes by the name `host`; its first check connects."""

    async def leave(self, io: DriverIo, raw: RawConnection) -> None:
        """Close a connection that nobody uses any more."""
        await io.call(raw.close)

    async def close(self, io: DriverIo, raw: RawConnection, *, in_use: bool = False) -> None:
        """Close a connection that was aborted; `in_use` if a thread of the program's may be inside a call on it."""
        del in_use
        await io.call(raw.close)

    @abstractmethod
    def is_closed(self, raw: RawConnection) -> bool:
        """Tell whether the connection was closed or lost, as far as the client knows. No I/O."""

    def is_busy(self, raw: RawConnection) -> bool:
        """Tell whether a transaction, or a statement, is open: the connection cannot be left now. No I/O."""
        return self.was_in_transaction(raw, self.transaction_source(raw).transaction_status)

    def is_dropped(self, raw: RawConnection) -> bool:
        """Tell whether the server has closed a connection that nobody uses: the driver learns it at the next use only.

        Asks the operating system what has arrived, never the server.
        """
        return self.is_closed(raw)

    def abandon(self, raw: RawConnection) -> None:
        """Let go of a connection that the process from which this one was forked goes on using: nothing is sent."""

    def cursor(self, raw: RawConnection, /, *args: Any, **kwargs: Any) -> RawCursor:
        """Make a cursor, with the program's arguments, in the asyncio flavour. No I/O."""
        return raw.cursor(*args, **kwargs)

    def cursor_of_lost(self, raw: RawConnection, /, *args: Any, **kwargs: Any) -> RawCursor:
        """Make a cursor, with the program's arguments, on a connection that is lost: its first call says so. No I/O."""
        return raw.cursor(*args, **kwargs)

    def read_only(self, raw: RawConnection) -> bool | None:
        """Return whether transactions are read-only; None: as the server has it. No I/O."""
        value: bool | None = raw.read_only
        return value

    async def set_read_only(self, io: DriverIo, raw: RawConnection, value: bool | None) -> None:
        """Set whether transactions are read-only; raises the driver's error."""
        await _set(io, raw, "read_only", value)

    async def autocommit(self, io: DriverIo, raw: RawConnection) -> bool:
        """Return whether each statement is its own transaction."""
        del io
        value: bool = raw.autocommit
        return value

    async def set_autocommit(self, io: DriverIo, raw: RawConnection, value: bool) -> None:
        """Set whether each statement is its own transaction; raises the driver's error."""
        await _set(io, raw, "autocommit", value)

    def cancel(self, raw: RawConnection) -> None:
        """Ask the server, from any thread, to end the statement that is running."""
        raw.cancel()

    def pool_of(self, raw: RawConnection) -> Any:
        """Return the driver's own pool that lent the connection to the program, or None."""
        del raw
        return None

    def lend(self, entered: Any, connection: Any) -> None:
        """Have what a block gives to the program tell the program's own connection, where it tells one."""
        del entered, connection

    @abstractmethod
    def transaction_source(self, raw: RawConnection) -> TransactionSource:
        """Return the driver's object that knows the transaction status, which is read before each call. No I/O."""

    @abstractmethod
    def was_in_transaction(self, raw: RawConnection, status: int) -> bool:
        """Tell whether a status means that a transaction was open, or may have been. No I/O."""

    @abstractmethod
    def connection_of(self, owner: Any) -> RawConnection:
        """Return the raw connection that a bound method's object (a raw cursor or connection) works on."""

    @abstractmethod
    def rows_are_local(self, raw: RawCursor) -> bool:
        """Tell whether fetching from this cursor only hands out rows that are already on the client."""

    def is_open_at_server(self, raw: RawCursor) -> bool:
        """Tell whether a cursor holds there what nothing but its end, or its connection's, sets free. No I/O."""
        return not self.rows_are_local(raw)

    @abstractmethod
    def is_raw_cursor(self, value: Any) -> bool:
        """Tell whether a value that a driver method returned is one of the driver's cursors."""

    def move_additions(self, old: RawConnection, new: RawConnection) -> None:
        """Move to a new connection the attributes that a pool, or the program, has added to the old object. No I/O."""
        for name in vars(old).keys() - vars(new).keys() - self.own_attributes:
            setattr(new, name, getattr(old, name))
            delattr(old, name)

    def is_wrong_password(self, error: BaseException) -> bool:
        """Tell, of an error that was classified as LOGIN, whether the server has refused the password."""
        del error
        return True

    @abstractmethod
    def classify(self, error: BaseException, raw: RawConnection | None = None) -> ErrorKind:
        """Tell what an error means for the connection `raw` it was raised on (None: while it was being opened)."""


async def _set(io: DriverIo, raw: RawConnection, name: str, value: Any) -> None:
    """Set an attribute, by the method that asyncio drivers have for it."""
    method = getattr(raw, f"set_{name}", None)
    if method is None:
        setattr(raw, name, value)
    else:
        await io.call(method, value)
