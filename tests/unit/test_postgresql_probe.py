"""What counts as a sign of life of a PostgreSQL server; the servers are sockets that follow a script."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import Peer
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.driver.psycopg.probe import PostgresqlProbe
from aws_advanced_python_wrapper.properties import Settings
from support.playing_server import Server, hang_up, reset, serving, silent

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSAL = "SFATAL\0VFATAL\0C53300\0MDésolé, trop de clients\0\0".encode()
READY = b"R\0\0\0\x08\0\0\0\0" + b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02" + b"Z\0\0\0\x05I"
ONE = (
    b"T\0\0\0\x21\0\x01?column?\0"
    + bytes(6)
    + b"\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"
    + b"D\0\0\0\x0b\0\x01\0\0\0\x011"
)
DONE = b"C\0\0\0\x0dSELECT 1\0" + b"Z\0\0\0\x05I"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def probe_of(server: Server, **options: Any) -> PostgresqlProbe:
    settings = {"host": "h", "hostaddr": "127.0.0.1", "user": "u", "gssencmode": "disable", "sslmode": "disable"}
    return PostgresqlProbe(make_conninfo("", port=server.port, **{**settings, **options}))


def check(probe: PostgresqlProbe, seconds: float = 5) -> bool:
    return run(probe.check(BlockingIo(), Deadline.after(seconds)))


def refuse(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(message(b"E", REFUSAL))
    connection.close()


def ask_for_password(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(message(b"R", (3).to_bytes(4, "big")))


def no_tls(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"N")


def work(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(READY)
    while connection.recv(1000):
        connection.sendall(ONE + DONE)


def work_once(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(READY)
    connection.recv(1000)
    connection.sendall(ONE + DONE)


def test_a_server_that_answers_lives_and_the_connection_is_kept() -> None:
    with serving(work) as server, closing(probe_of(server)) as probe:
        assert [check(probe) for _ in range(5)] == [True] * 5
        assert server.connections == 1


@pytest.mark.parametrize(("script", "options"), [
    (refuse, {}),
    (ask_for_password, {"password": ""}),  # libpq gives up itself: it has no password
    (no_tls, {"sslmode": "require"}),
])  # fmt: skip
def test_a_server_that_refuses_lives(script: Callable[[socket.socket], None], options: dict[str, str]) -> None:
    with serving(script) as server, closing(probe_of(server, **options)) as probe:
        assert [check(probe) for _ in range(3)] == [True] * 3
        assert server.connections == 3


@pytest.mark.parametrize("script", [hang_up, reset])
def test_a_server_that_hangs_up_without_a_word_shows_no_life(script: Callable[[socket.socket], None]) -> None:
    with serving(script) as server, closing(probe_of(server)) as probe:
        assert [check(probe) for _ in range(3)] == [False] * 3
        assert server.connections == 3


def test_a_server_that_is_silent_shows_no_life_on_one_connection_until_it_is_closed() -> None:
    with serving(silent) as server, closing(probe_of(server)) as probe:
        assert [check(probe, 0.05) for _ in range(3)] == [False] * 3
        assert server.connections == 1
        probe.close()
        assert not check(probe, 0.05)
        assert server.connections == 2


def test_a_closed_port_is_no_sign_of_life() -> None:
    with serving(work) as server:
        pass
    assert not check(probe_of(server))


def test_a_check_ends_at_its_deadline_however_short() -> None:
    with serving(silent) as server, closing(probe_of(server, connect_timeout=30)) as probe:
        seconds = []
        for _ in range(5):  # a busy machine may be late, but not each time
            began = time.monotonic()
            assert not check(probe, 0.3)
            seconds.append(time.monotonic() - began)
        assert min(seconds) < 1.9, "libpq's own shortest limit is two seconds"


def test_an_answer_that_is_late_is_one_in_the_check_in_which_it_comes() -> None:
    answer = threading.Semaphore(0)

    def slow(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(READY)
        while connection.recv(1000):
            answer.acquire()
            connection.sendall(ONE)
            answer.acquire()
            connection.sendall(DONE)

    with serving(slow) as server, closing(probe_of(server)) as probe:
        assert check(probe, 0.3), "it has logged in"
        assert [check(probe, 0.05) for _ in range(3)] == [False] * 3
        for _ in range(2):
            answer.release()
            assert check(probe, 0.3)
            answer.release()
            assert check(probe, 0.3)
            assert not check(probe, 0.05)
        assert server.connections == 1


def test_a_connection_that_was_closed_is_opened_anew() -> None:
    with serving(work_once, work) as server, closing(probe_of(server)) as probe:
        assert check(probe)
        assert not check(probe, 0.05)
        probe.close()
        assert check(probe)
        assert server.connections == 2


def test_a_login_that_is_slow_goes_on_over_several_checks() -> None:
    turn = threading.Semaphore(0)

    def slow(connection: socket.socket) -> None:
        connection.recv(1000)
        for byte in READY[:4]:
            turn.acquire()
            connection.sendall(bytes([byte]))
        connection.sendall(READY[4:])
        while connection.recv(1000):
            connection.sendall(ONE + DONE)

    with serving(slow) as server, closing(probe_of(server)) as probe:
        for _ in range(4):
            turn.release()
            assert check(probe, 0.1)
        assert check(probe)
        assert server.connections == 1


def test_what_was_said_earlier_is_no_sign_of_life_now() -> None:
    def fall_silent(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(READY[:3])

    with serving(fall_silent, silent) as server, closing(probe_of(server)) as probe:
        assert [check(probe, 0.05) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("options", [{"sslmode": "nonsense"}, {"hostaddr": "nowhere"}, {"keepalives": "x"}])
def test_settings_that_cannot_work_tell_nothing_of_the_server(options: dict[str, str]) -> None:
    with serving(work) as server, pytest.raises(psycopg.Error):
        check(probe_of(server, **options))


def test_a_process_without_descriptors_tells_nothing_of_the_server() -> None:
    code = """
import os, resource, sys
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.psycopg.probe import PostgresqlProbe

probe = PostgresqlProbe(sys.argv[1])
used = len(os.listdir("/proc/self/fd")) - 1
for free in range(2):
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        print(run(probe.check(BlockingIo(), Deadline.after(5))))
    except Exception as error:
        print("Too many open files" in str(error))
    probe.close()
"""
    with serving(silent) as server:
        conninfo = f"host=h hostaddr=127.0.0.1 port={server.port} gssencmode=disable"
        done = subprocess.run(
            [sys.executable, "-c", code, conninfo], capture_output=True, text=True, check=True, timeout=60
        )
    assert done.stdout.split() == ["True", "True"]


# The adapter


def adapter() -> PsycopgAdapter:
    return PsycopgAdapter(psycopg.Connection.connect)


def settings(conninfo: str) -> Settings:
    return Settings.from_arguments(conninfo, {}, adapter().parameters)


def test_the_peer_is_the_address_and_not_the_name() -> None:
    with serving(work) as server:
        conninfo = f"host=localhost hostaddr=127.0.0.1 port={server.port} sslmode=disable gssencmode=disable user=u"
        with closing(psycopg.connect(conninfo)) as connection:
            assert adapter().peer(connection) == Peer("127.0.0.1", server.port)
        assert adapter().peer(connection) is None


def test_how_a_peer_is_written() -> None:
    peers = [Peer("10.0.0.1", 5432), Peer("fe80::1%eth0", 5432), Peer("/run/postgresql/.s.PGSQL.5432")]
    assert [str(peer) for peer in peers] == ["10.0.0.1:5432", "[fe80::1%eth0]:5432", "/run/postgresql/.s.PGSQL.5432"]


def test_a_probe_goes_to_the_peer_whatever_dns_says() -> None:
    with serving(work) as server:
        given = settings("host=no.such.host.invalid user=u sslmode=disable")
        probe = adapter().probe(given, "no.such.host.invalid", Peer("127.0.0.1", server.port))
        with closing(probe):
            assert run(probe.check(BlockingIo(), Deadline.after(5)))


def test_a_unix_socket_is_checked_where_it_is() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/.s.PGSQL.5433"
        listener.bind(path)
        listener.listen()
        with serving(work, work, hang_up, listener=listener) as server:
            conninfo = f"host={folder} port=5433 user=u"
            with closing(psycopg.connect(conninfo)) as connection:
                peer = adapter().peer(connection)
            assert peer == Peer(path)
            with closing(adapter().probe(settings(conninfo), folder, peer)) as probe:
                assert run(probe.check(BlockingIo(), Deadline.after(5)))
                assert server.connections == 2
                probe.close()
                assert not run(probe.check(BlockingIo(), Deadline.after(5)))


def test_psycopgs_own_arguments_are_not_for_a_probe() -> None:
    given = settings("host=h user=u sslmode=disable").with_driver(autocommit=True, prepare_threshold=None)
    with serving(work) as server, closing(adapter().probe(given, "h", Peer("127.0.0.1", server.port))) as probe:
        assert run(probe.check(BlockingIo(), Deadline.after(5)))


def test_a_probe_does_not_wait_for_kerberos() -> None:
    probe = adapter().probe(settings("host=h gssencmode=prefer"), "h", Peer("10.0.0.1", 5432))
    assert b"gssencmode=disable" in probe._conninfo.split()
