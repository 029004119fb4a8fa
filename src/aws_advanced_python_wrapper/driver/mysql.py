"""What the adapters of all MySQL drivers have in common."""

from __future__ import annotations

import contextlib
import socket
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.adapter import DriverAdapter, DriverIo, ErrorKind, Peer, RawConnection, Rows
from aws_advanced_python_wrapper.driver.mysql_errors import classify, is_wrong_password
from aws_advanced_python_wrapper.driver.mysql_session import MysqlSession
from aws_advanced_python_wrapper.driver.sockets import NotedSocket, keep_alive, last_heard
from aws_advanced_python_wrapper.errors import QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.properties import Settings

OVERDUE = "the server did not answer the driver's own query in time"

# The server's status flags (MySQL source documentation, "SERVER_STATUS_flags_enum").
IN_TRANSACTION = 0x1

_NOTED = "_noted_socket"


class MysqlAdapter(MysqlSession, DriverAdapter):
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
    async def run(self, io: DriverIo, raw: RawConnection, sql: str) -> Rows:
        """Run a query outside the program's cursors and return its rows as text; raises the driver's error."""

    async def query(self, io: DriverIo, raw: RawConnection, sql: str, deadline: Deadline) -> Rows:
        """Run it with an alarm set, as the drivers know no limit for a query."""

        def ring() -> None:
            self.abort(raw)

        with io.alarm(deadline.remaining(), ring) as alarm:
            try:
                return await self.run(io, raw, sql)
            except self.failures as error:
                if alarm.rang:
                    raise self.error(QueryTimeoutError, OVERDUE) from error
                raise

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
        """Set the socket's options."""
        del settings
        with contextlib.suppress(OSError), self._socket(raw) as duplicate:
            keep_alive(duplicate, interval, count)

    def note_socket(self, raw: RawConnection) -> None:
        """Remember the socket of a connection that has just been opened, or has been opened again."""
        wire = self.wire(raw)
        setattr(raw, _NOTED, None if wire is None else (wire, NotedSocket(self.socket_number(wire))))

    @contextlib.contextmanager
    def _socket(self, raw: RawConnection) -> Iterator[socket.socket]:
        """Give a socket object of its own for the connection's; raises OSError where it is gone."""
        wire, noted = getattr(raw, _NOTED, None) or (None, None)
        if wire is not self.wire(raw):
            self.note_socket(raw)
            _, noted = getattr(raw, _NOTED) or (None, None)
        if noted is None:
            raise OSError("the connection is closed")
        with noted.duplicate() as duplicate:
            yield duplicate

    def was_in_transaction(self, raw: RawConnection, status: int) -> bool:
        """Read the server's flag."""
        del raw
        return bool(status & IN_TRANSACTION)

    def is_wrong_password(self, error: BaseException) -> bool:
        """See `mysql_errors`."""
        return is_wrong_password(error)

    def classify(self, error: BaseException, raw: RawConnection | None = None) -> ErrorKind:
        """See `mysql_errors`."""
        return classify(error, connection_lost=raw is None or self.is_closed(raw))
