"""The socket of a connection, used beside the driver and from any thread."""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import sys
from typing import Protocol

# Linux, tcp_info in <linux/tcp.h>: eight bytes, then 32-bit numbers, of which the twelfth is tcpi_last_data_recv.
_LAST_DATA_RECEIVED = slice(52, 56)

_LONGEST_INTERVAL, _MOST_PROBES = 32767, 127  # what Linux takes: seconds, and a number


UNREACHABLE = frozenset(
    {
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN, errno.ETIMEDOUT),
        *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET),
    }
)
"""What the operating system says of a host that cannot be reached."""

# Errors and ends of both ways are told in any case, the end of one way on Linux only.
_ENDED = getattr(select, "POLLRDHUP", 0)


class HasSocket(Protocol):
    """A libpq connection, for example."""

    @property
    def socket(self) -> int:
        """The number of the socket; raises the driver's error where there is none."""
        ...


def duplicate_socket(connection: HasSocket) -> socket.socket:
    """Return a socket object of its own for a connection's socket, which another thread may close meanwhile.

    Raises OSError or the driver's error where there is none.
    """
    number = connection.socket
    descriptor = os.dup(number)
    try:
        # Closed in between, the number may already belong to another socket. A libpq connection does not open again, so
        # one that still has this number has had it all the time.
        if connection.socket != number:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the connection was closed meanwhile")
        return _object_for(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _object_for(descriptor: int) -> socket.socket:
    """Return a socket object; with a default timeout, Python would have the connection itself block no more."""
    if socket.getdefaulttimeout() is None:
        return socket.socket(fileno=descriptor)
    was_blocking = os.get_blocking(descriptor)
    found = socket.socket(fileno=descriptor)
    os.set_blocking(descriptor, was_blocking)
    return found


def is_readable(descriptor: int) -> bool:
    """Tell whether something has arrived at a socket: data, its end, or an error."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def has_ended(connected: socket.socket) -> bool:
    """Tell whether the other end, or this process, has closed a socket, whatever there is still to be read."""
    poll = select.poll()
    poll.register(connected, _ENDED)
    if poll.poll(0):
        return True
    if not is_readable(connected.fileno()):  # gevent's sockets wait for data also where they are told not to
        return False
    try:
        return not connected.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def unplug(descriptor: int) -> None:
    """Let a socket's number stand for one that leads nowhere; other processes that have the socket keep it."""
    here, there = socket.socketpair()
    with here, there:
        there.shutdown(socket.SHUT_RDWR)
        os.dup2(here.fileno(), descriptor, inheritable=False)


def last_heard(connected: socket.socket) -> float | None:
    """Return the seconds since data came in last; None where the operating system does not tell (TCP on Linux only)."""
    if not hasattr(socket, "TCP_INFO") or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    told = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED.stop)
    return int.from_bytes(told[_LAST_DATA_RECEIVED], sys.byteorder) / 1000


def keep_alive(connected: socket.socket, interval: float, count: int) -> None:
    """Have the operating system ask the other end every `interval` seconds, and give up after `count` of them."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    seconds = min(max(1, math.ceil(interval)), _LONGEST_INTERVAL)
    probes = min(count, _MOST_PROBES)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, number in (("TCP_KEEPINTVL", seconds), ("TCP_KEEPCNT", probes), ("TCP_KEEPIDLE", seconds)):
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), number)


class NotedSocket:
    """A socket by its number, which may be another socket's once this one has been closed."""

    __slots__ = ("_number", "_process", "_which")

    def __init__(self, number: int) -> None:
        self._number = number
        self._process = os.getpid()
        self._which = os.fstat(number).st_ino

    def duplicate(self) -> socket.socket:
        """Return a socket object of its own for the socket; raises OSError if it has been closed."""
        descriptor = os.dup(self._number)
        try:
            if os.fstat(descriptor).st_ino != self._which:
                raise ConnectionAbortedError(errno.ECONNABORTED, "the connection was closed meanwhile")
            return _object_for(descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def shut_down(self) -> None:
        """End both ways of the socket, wherever it is in use; raises OSError if it has been closed."""
        with self.duplicate() as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)

    @property
    def is_inherited(self) -> bool:
        """Whether the process opened it from which this one was forked."""
        return self._process != os.getpid()

    def leave_to_parent(self) -> None:
        """Unplug the socket of a connection that the process opened from which this one was forked.

        In the process that opened it nothing is done. Raises OSError if the socket has been closed.
        """
        if self.is_inherited:
            with self.duplicate():
                unplug(self._number)
