"""What the adapters of all MySQL drivers have in common."""

from __future__ import annotations

import contextlib
import socket
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.cluster.endpoint import analyse
from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS, DriverIo, ErrorKind, Peer, RawConnection, Rows
from aws_advanced_python_wrapper.driver.keepalive import apply_keepalive, keepalive_arguments, without_keepalive
from aws_advanced_python_wrapper.driver.mysql.errors import classify, is_wrong_password
from aws_advanced_python_wrapper.driver.mysql.login import Login, tls_context
from aws_advanced_python_wrapper.driver.mysql.probe import MysqlProbe
from aws_advanced_python_wrapper.driver.mysql.reopening import set_course, set_source
from aws_advanced_python_wrapper.driver.mysql.session import IN_TRANSACTION, MysqlSession
from aws_advanced_python_wrapper.driver.sockets import (
    NotedSocket,
    has_ended,
    is_readable,
    keep_alive,
    last_heard,
    unplug,
)
from aws_advanced_python_wrapper.errors import AwsWrapperError, UnsupportedOperationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from ssl import SSLContext

    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import CredentialsSource, Follower
    from aws_advanced_python_wrapper.properties import Settings

_NOTED = "_noted_socket"

_NO_NUMBER = -1

_FILES = ("option_files", "read_default_file")

# Servers ask for a token: in pure Python the packet before that has no place for a long one.
_NOT_FOR_TOKENS = frozenset({"auth_plugin", "password1"})


class MysqlAdapter(MysqlSession):
    """The part of a MySQL driver's adapter that does not depend on the driver.

    A connection's socket is noted when it is opened, so that another thread can shut it down later without asking the
    driver, which that thread may be destroying just then.
    """

    engine = "mysql"
    default_port = 3306
    commits_on_exit = False

    @abstractmethod
    def wire(self, raw: RawConnection) -> Any:
        """Return the driver's object that owns the socket, another one after each reconnect; None if there is none."""

    @abstractmethod
    def socket_number(self, wire: Any) -> int:
        """Return the number of a wire's socket; raises OSError where there is none any more."""

    @abstractmethod
    def options(self, settings: Settings) -> dict[str, Any]:
        """Return the arguments for the driver, each under one name and in its own type; `connect_timeout` is there."""

    def seconds_to_connect(self, settings: Settings) -> int | None:
        """Look at the options: a file may tell it, and without a word there is a limit too."""
        seconds: int | None = self.options(settings)["connect_timeout"]
        return seconds

    def is_told_elsewhere(self, given: Mapping[str, Any]) -> bool:
        """Whether option files are named."""
        return any(given.get(name) for name in _FILES)

    def at_host(self, settings: Settings, host: str) -> dict[str, Any]:
        """Point the options at a host; a socket in the file system is that of the host that the user gave only."""
        options = self.options(settings)
        if ONLY_OVER_TLS in options:
            options = self._for_token(options)
        if host == analyse(settings.host).host:
            return options
        return {name: value for name, value in options.items() if name != "unix_socket"} | {"host": host}

    def token_settings(self, settings: Settings) -> Settings:
        """Mark them: what is meant for monitors only, or stands in an option file, is not known yet."""
        self._for_token(self.options(settings))
        return settings.with_driver(**{ONLY_OVER_TLS: True})

    def _for_token(self, options: Mapping[str, Any]) -> dict[str, Any]:
        if objection := self.objection_to_token(options):
            raise self.error(AwsWrapperError, objection)
        return {name: value for name, value in options.items() if name not in _NOT_FOR_TOKENS}

    def objection_to_token(self, options: Mapping[str, Any]) -> str | None:
        """Return why no token can be sent over TLS with these options, and what to do; None if one can."""
        if options.get("unix_socket"):
            return "unix_socket: a token is sent over TLS only. Leave it out and give host."
        return None

    def itself(self, raw: RawConnection) -> Any:
        """Return the connection itself where `raw` is what a pool of the driver's has lent; None if it has it back."""
        return raw

    async def dial(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Open a connection; raises whatever the driver raises, untouched."""
        return await io.call(self.connect, **arguments)

    async def open(self, io: DriverIo, arguments: Mapping[str, Any]) -> RawConnection:
        """Open a connection, note its socket and set what the drivers know nothing of."""
        raw = await self.dial(io, without_keepalive(arguments))
        self.note_socket(self.itself(raw))
        with contextlib.suppress(OSError), self._socket(raw) as duplicate:
            apply_keepalive(duplicate, arguments)
        return raw

    def reopen_with(self, raw: RawConnection, source: CredentialsSource) -> None:
        """See `reopening`."""
        set_source(self.itself(raw), source)

    def follow(self, raw: RawConnection, follower: Follower) -> None:
        """See `reopening`."""
        set_course(self.itself(raw), follower)

    async def query(self, io: DriverIo, raw: RawConnection, sql: str, deadline: Deadline) -> Rows:
        """Run it with an alarm set, as the drivers know no limit for a query, and leave no transaction behind."""
        source = self.transaction_source(raw)
        before = source.transaction_status
        with self.limited(io, raw, deadline):
            rows = await self.run(io, raw, sql)
            if source.transaction_status and not before:
                await self.run(io, raw, "ROLLBACK")
        return rows

    def abort(self, raw: RawConnection) -> None:
        """Shut the socket down."""
        with contextlib.suppress(OSError), self._socket(raw) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)

    def peer(self, raw: RawConnection) -> Peer | None:
        """Ask the socket."""
        try:
            with self._socket(raw) as duplicate:
                name = duplicate.getpeername()
        except OSError:
            return None
        return Peer(name[0], name[1]) if isinstance(name, tuple) else Peer(str(name))

    def last_heard(self, raw: RawConnection) -> float | None:
        """Ask the socket."""
        with contextlib.suppress(OSError), self._socket(raw) as duplicate:
            return last_heard(duplicate)
        return None

    def keep_alive(self, raw: RawConnection, settings: Settings, interval: float, count: int) -> None:
        """Set the socket's options, unless the user has set any."""
        if not keepalive_arguments(settings):
            with contextlib.suppress(OSError), self._socket(raw) as duplicate:
                keep_alive(duplicate, interval, count)

    def tls(self, arguments: Mapping[str, Any]) -> SSLContext | None:
        """Return how connections with these arguments are encrypted; raises OSError for files that cannot be read."""
        return tls_context(arguments)

    def probe(self, settings: Settings, host: str, peer: Peer) -> MysqlProbe:
        """Log in as the user, at that address."""
        given = self.arguments(settings, host, peer.port or self.default_port)
        password = given.get("password") or b""
        secret = password.encode() if isinstance(password, str) else bytes(password)
        return MysqlProbe(peer, Login(given.get("user") or "", secret, host, self.tls(given)))

    def is_closed(self, raw: RawConnection) -> bool:
        """Look at the socket: after a loss, the drivers' own flags say what they said before."""
        try:
            with self._socket(raw) as duplicate:
                return has_ended(duplicate)
        except OSError:
            return True

    def is_dropped(self, raw: RawConnection) -> bool:
        """A server says nothing by itself but its farewell."""
        try:
            with self._socket(raw) as duplicate:
                return is_readable(duplicate.fileno())
        except OSError:
            return True

    def abandon(self, raw: RawConnection) -> None:
        """Put an end of nothing in the socket's place in this process; the driver then says its farewell to that."""
        with contextlib.suppress(OSError):
            if wire := self.wire(raw):
                unplug(self.socket_number(wire))

    def note_socket(self, connection: Any) -> None:
        """Remember the socket of a connection that has just been opened, or has been opened again."""
        wire, noted = self.wire(connection), None
        with contextlib.suppress(OSError):
            noted = None if wire is None else self._noted(wire)
        setattr(connection, _NOTED, (wire, noted))

    def _noted(self, wire: Any) -> NotedSocket:
        number = self.socket_number(wire)
        noted = NotedSocket(number)
        # One that is just opening may fail meanwhile, and the number be another socket's.
        if self.socket_number(wire) != number:
            raise OSError("the connection was closed meanwhile")
        return noted

    @contextlib.contextmanager
    def _socket(self, raw: RawConnection) -> Iterator[socket.socket]:
        """Give a socket object of its own for the connection's; raises OSError where it is gone."""
        connection = self.itself(raw)
        if connection is None:
            raise OSError("the connection is its pool's again")
        wire, noted = getattr(connection, _NOTED, None) or (None, None)
        if noted is None or wire is not self.wire(connection):  # one that is just opening may have a socket by now
            self.note_socket(connection)
            wire, noted = getattr(connection, _NOTED)
        if noted is None:
            raise OSError("the connection is closed")
        with noted.duplicate() as duplicate:
            yield duplicate

    def cancel(self, raw: RawConnection) -> None:
        """Refuse: none of the drivers has a way of its own."""
        del raw
        raise self.error(
            UnsupportedOperationError, f"{self.code} cannot cancel a statement: run KILL QUERY on another connection."
        )

    def was_in_transaction(self, raw: RawConnection, status: int) -> bool:
        """Read the server's flag."""
        del raw
        return bool(status & IN_TRANSACTION)

    def is_wrong_password(self, error: BaseException) -> bool:
        """See `errors`."""
        return is_wrong_password(error)

    def classify(self, error: BaseException, raw: RawConnection | None = None) -> ErrorKind:
        """See `errors`; with rows on their way MySQL Connector/Python calls a connection not available."""
        lost = raw is None or self.is_closed(raw)
        if not lost and getattr(error, "errno", None) == _NO_NUMBER and not self.is_between_statements(raw):
            return ErrorKind.OTHER
        return classify(error, connection_lost=lost)
