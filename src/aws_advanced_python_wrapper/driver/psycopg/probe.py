"""Whether a PostgreSQL server says anything at all, asked over a connection of the driver's own."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq

from aws_advanced_python_wrapper.driver.sockets import UNREACHABLE, duplicate_socket

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import DriverIo


class PostgresqlProbe:
    """A connection that is opened, and asked `SELECT 1`, for no other purpose than to hear from the server.

    Whatever the server sends shows that it lives, also a refusal: so a wrong password, a missing certificate or too
    many clients cannot be taken for silence, in whatever language they are told. It steps through libpq's own protocol
    without blocking: psycopg rounds a limit for opening a connection up to two seconds.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo.encode()
        self._pgconn: pq.abc.PGconn | None = None
        self._opening: int = pq.PollingStatus.WRITING
        self._asked = False
        self._heard = False

    async def check(self, io: DriverIo, deadline: Deadline) -> bool:
        """Tell whether the server says anything before the deadline.

        What is not complete then, a login or the answer to a question, goes on in the next check. Raises OSError or the
        driver's error where it is this process that cannot ask.
        """
        self._heard = False
        try:
            pgconn = self._pgconn or self._start()
            if await self._open(io, pgconn, deadline):
                await self._ask(io, pgconn, deadline)
        except (OSError, psycopg.Error) as error:
            self.close()
            if not self._heard and not _unreachable(error):
                raise
        return self._heard

    def close(self) -> None:
        """Free the connection, without waiting for the server; the next check opens another one."""
        if self._pgconn is not None:
            self._pgconn.finish()
        self._pgconn = None

    def _start(self) -> pq.abc.PGconn:
        pgconn = self._pgconn = pq.PGconn.connect_start(self._conninfo)
        self._opening, self._asked = pq.PollingStatus.WRITING, False
        _raise_if_bad(pgconn)
        pgconn.nonblocking = 1
        return pgconn

    async def _open(self, io: DriverIo, pgconn: pq.abc.PGconn, deadline: Deadline) -> bool:
        while self._opening != pq.PollingStatus.OK:
            if not await self._wait(io, pgconn, deadline, writing=self._opening == pq.PollingStatus.WRITING):
                return False
            self._opening = pgconn.connect_poll()
            _raise_if_bad(pgconn)
        return True

    async def _ask(self, io: DriverIo, pgconn: pq.abc.PGconn, deadline: Deadline) -> None:
        if not self._asked:
            pgconn.send_query(b"SELECT 1")
            self._asked = True
        while pgconn.is_busy() or pgconn.get_result() is not None:
            if pgconn.is_busy():
                if not await self._wait(io, pgconn, deadline, writing=False):
                    return
                pgconn.consume_input()
        self._asked = False

    async def _wait(self, io: DriverIo, pgconn: pq.abc.PGconn, deadline: Deadline, *, writing: bool) -> bool:
        if not await io.wait_socket(pgconn.socket, writing=writing, timeout=deadline.remaining()):
            return False
        with duplicate_socket(pgconn) as duplicate:
            try:
                received = duplicate.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:  # it can be written to
                return True
        if not received:
            raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection")
        self._heard = True
        return True


def _raise_if_bad(pgconn: pq.abc.PGconn) -> None:
    if pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(pgconn.error_message.decode(errors="replace").strip())


def _unreachable(error: Exception) -> bool:
    """Tell a host that cannot be reached from trouble of this process: no descriptor, say, or a wrong setting."""
    if isinstance(error, OSError):
        return error.errno in UNREACHABLE
    text = str(error)  # libpq hands on what the operating system says, in the language of the process
    return any(os.strerror(number) in text for number in UNREACHABLE)
