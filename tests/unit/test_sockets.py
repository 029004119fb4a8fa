from __future__ import annotations

import math
import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.driver.sockets import (
    NotedSocket,
    duplicate_socket,
    is_readable,
    keep_alive,
    last_heard,
    unplug,
)
from aws_advanced_python_wrapper.properties import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as one:
            other, _ = listener.accept()
            with other:
                yield one, other


def keepalive(of: socket.socket) -> tuple[int, ...]:
    numbers = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    switched_on = of.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return (switched_on, *(of.getsockopt(socket.IPPROTO_TCP, number) for number in numbers))


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


class Connection:
    """libpq's connection, closed by another thread between two looks at its socket."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    @property
    def socket(self) -> int:
        number = self._numbers.pop(0)
        if number < 0:
            raise psycopg.OperationalError("the connection is closed")
        return number


def test_a_descriptor_that_has_changed_hands_is_left_alone() -> None:
    before = descriptors()
    with socket.socket() as one:
        for numbers in [(one.fileno(), -1), (one.fileno(), one.fileno() + 1000), (-1,), (10**6,)]:
            connection: Any = Connection(*numbers)
            with pytest.raises((OSError, psycopg.OperationalError)):
                duplicate_socket(connection)
        own: Any = Connection(one.fileno(), one.fileno())
        with duplicate_socket(own) as duplicate:
            assert duplicate.fileno() != one.fileno()
    assert descriptors() == before


def test_a_descriptor_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    before = descriptors()
    with (tmp_path / "file").open("w") as file:
        connection: Any = Connection(file.fileno(), file.fileno())
        with pytest.raises(OSError, match="non-socket"):
            duplicate_socket(connection)
    assert descriptors() == before


def test_it_is_known_when_data_came_last() -> None:
    with connected() as (one, other):
        time.sleep(0.2)
        before = last_heard(one)
        other.sendall(b"x")
        assert one.recv(1) == b"x"
        after = last_heard(one)
        assert before is not None
        assert after is not None
        assert before >= 0.15 > after


def test_what_is_sent_does_not_count_as_heard() -> None:
    with connected() as (one, _other):
        time.sleep(0.2)
        one.sendall(b"x")
        assert (last_heard(one) or 0) >= 0.15


def test_nothing_is_known_of_sockets_that_are_not_tcp() -> None:
    one, other = socket.socketpair()
    with one, other:
        other.sendall(b"x")
        assert last_heard(one) is None
        keep_alive(one, 1, 1)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


@pytest.mark.parametrize(("interval", "count", "set_to"), [
    (5, 3, (1, 5, 5, 3)),
    (0.2, 1, (1, 1, 1, 1)),
    (1.2, 2, (1, 2, 2, 2)),
    (1e9, 10**6, (1, 32767, 32767, 127)),
])  # fmt: skip
def test_keepalive_goes_at_the_given_pace(interval: float, count: int, set_to: tuple[int, ...]) -> None:
    with connected() as (one, _other):
        keep_alive(one, interval, count)
        assert keepalive(one) == set_to


class Raw:
    """A connection of psycopg's, as far as sockets go."""

    def __init__(self, number: int) -> None:
        self.pgconn = Connection(*[number] * 100)


@pytest.mark.parametrize(("given", "changed"), [
    ({}, True),
    ({"connect_timeout": 3}, True),
    ({"tcp_keepalive": False}, False),
    ({"tcp_keepalive_interval": 7}, False),
    ({"keepalives": 0}, False),
    ({"keepalives_idle": 60}, False),
])  # fmt: skip
def test_what_the_user_says_of_keepalive_holds(given: dict[str, Any], changed: bool) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    settings = Settings.from_arguments("host=h", given, adapter.parameters)
    with connected() as (one, _other):
        adapter.keep_alive(Raw(one.fileno()), settings, 3, 3)
        assert bool(keepalive(one)[0]) is changed


def test_of_a_connection_that_is_closed_nothing_is_known() -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    settings = Settings.from_arguments("host=h", {}, adapter.parameters)
    assert adapter.last_heard(Raw(-1)) is None
    adapter.keep_alive(Raw(-1), settings, math.inf, 1)
    with connected() as (one, other):
        other.sendall(b"x")
        heard = adapter.last_heard(Raw(one.fileno()))
        assert heard is not None


def test_a_socket_is_readable_when_something_or_the_end_has_come() -> None:
    with connected() as (one, other):
        assert not is_readable(one.fileno())
        other.send(b"x")
        assert is_readable(one.fileno())
        one.recv(1)
        assert not is_readable(one.fileno())
        other.close()
        assert is_readable(one.fileno())


def test_what_is_unplugged_sends_nothing_to_the_other_end() -> None:
    before = descriptors()
    with connected() as (one, other):
        kept = one.dup()  # another process's, as it were
        unplug(one.fileno())
        with pytest.raises(OSError, match="Broken pipe"):
            one.send(b"farewell")
        one.close()
        assert not is_readable(other.fileno())
        kept.send(b"still here")
        assert other.recv(100) == b"still here"
        kept.close()
    assert descriptors() == before


def test_a_drivers_socket_goes_on_blocking_whatever_default_timeout_a_program_has() -> None:
    with connected() as (one, _):
        one.setblocking(True)
        socket.setdefaulttimeout(5)
        try:
            with NotedSocket(one.fileno()).duplicate():
                assert os.get_blocking(one.fileno())
        finally:
            socket.setdefaulttimeout(None)
