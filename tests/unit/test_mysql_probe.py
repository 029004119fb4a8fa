"""What counts as a sign of life of a MySQL server; the servers are sockets that follow a script."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import aiomysql
import mysql.connector
import pytest
import trustme

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.aiomysql.adapter import AiomysqlAdapter
from aws_advanced_python_wrapper.driver.aiomysql.pymysql import PymysqlAdapter
from aws_advanced_python_wrapper.driver.contract import Peer
from aws_advanced_python_wrapper.driver.mysql.login import Login, tls_context
from aws_advanced_python_wrapper.driver.mysql.probe import MysqlProbe
from aws_advanced_python_wrapper.driver.mysql_connector.adapter import MysqlConnectorAdapter
from aws_advanced_python_wrapper.properties import Settings
from support.mysql_server import (
    DENIED,
    IDLE_FOR_TOO_LONG,
    OK,
    PING,
    QUIT,
    TOO_MANY,
    Client,
    MysqlServer,
    greeting,
    packet,
)
from support.playing_server import Server, serving, silent
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUTHORITY = trustme.CA()
HOST = "instance-1.example.com"


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(HOST).configure_cert(context)
    return context


def client_tls(**arguments: Any) -> ssl.SSLContext | None:
    return tls_context(arguments)


def trusting(context: ssl.SSLContext | None) -> ssl.SSLContext | None:
    assert context is not None
    AUTHORITY.configure_trust(context)
    return context


def probe_of(
    server: Server, user: str = "app", password: bytes = b"secret", tls: ssl.SSLContext | None = None
) -> MysqlProbe:
    return MysqlProbe(Peer("127.0.0.1", server.port), Login(user, password, HOST, tls))


def check(probe: MysqlProbe, seconds: float = 5) -> bool:
    return run(probe.check(BlockingIo(), Deadline.after(seconds)))


def hang_up(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    connection.close()


def greet(connection: socket.socket) -> None:
    connection.sendall(packet(0, greeting("caching_sha2_password", tls=False)))
    connection.recv(1000)
    connection.close()


def too_many(connection: socket.socket) -> None:
    connection.sendall(packet(0, TOO_MANY))
    connection.close()


def deny(connection: socket.socket) -> None:
    connection.sendall(packet(0, greeting("caching_sha2_password", tls=False)))
    connection.recv(1000)
    connection.sendall(packet(2, DENIED))
    connection.close()


def babble(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.close()


PLUGINS = [
    MysqlServer(),
    MysqlServer(switches=True),
    MysqlServer(plugin="mysql_native_password"),
    MysqlServer(plugin="mysql_native_password", switches=True),
    MysqlServer(password=b""),
    MysqlServer(password=b"", plugin="mysql_native_password", switches=True),
    MysqlServer(password="pä ß".encode()),
    MysqlServer(tls=server_tls()),
    MysqlServer(tls=server_tls(), is_cached=False),
    MysqlServer(tls=server_tls(), plugin="sha256_password"),
    MysqlServer(tls=server_tls(), plugin="mysql_clear_password", switches=True, password=b"x" * 2000),
    MysqlServer(tls=server_tls(), plugin="mysql_clear_password", password=b"x" * 2000),
]


@pytest.mark.parametrize("script", PLUGINS, ids=str)
def test_a_server_that_answers_lives_and_the_connection_is_kept(script: MysqlServer) -> None:
    tls = client_tls() if script.tls else None
    with serving(script) as server, closing(probe_of(server, password=script.password, tls=tls)) as probe:
        assert [check(probe) for _ in range(5)] == [True] * 5
        assert server.connections == 1
        assert [said for said in script.clients[-1].heard if said == PING] == [PING] * 4


@pytest.mark.parametrize("script", [too_many, deny, greet, babble])
def test_a_server_that_says_anything_lives(script: Callable[[socket.socket], None]) -> None:
    with serving(script) as server, closing(probe_of(server)) as probe:
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
    with serving(silent) as server:
        pass
    assert not check(probe_of(server))


def test_a_check_ends_at_its_deadline_however_short() -> None:
    with serving(silent) as server, closing(probe_of(server)) as probe:
        began = time.monotonic()
        assert not check(probe, 0.3)
        assert time.monotonic() - began >= 0.3


def test_an_answer_that_is_late_is_one_in_the_check_in_which_it_comes() -> None:
    answer = threading.Semaphore(0)
    asked = []

    class Slow(MysqlServer):
        def answer_pings(self, client: Client) -> None:
            while client.hear() == PING:
                asked.append(PING)
                answer.acquire()
                client.say(OK)

    with serving(Slow()) as server, closing(probe_of(server)) as probe:
        assert check(probe), "it has logged in"
        assert [check(probe, 0.05) for _ in range(3)] == [False] * 3
        answer.release()
        assert check(probe)
        assert not check(probe, 0.05)
        assert asked == [PING] * 2, "nothing is asked again while an answer is owed"
        assert server.connections == 1


def test_a_login_that_is_slow_goes_on_over_several_checks() -> None:
    turn = threading.Semaphore(0)
    script = MysqlServer()

    def slow(connection: socket.socket) -> None:
        hello = packet(0, greeting("mysql_native_password", tls=False))
        for byte in hello[:4]:
            turn.acquire()
            connection.sendall(bytes([byte]))
        connection.sendall(hello[4:])
        client = Client(connection)
        client.hear()
        client.say(OK)
        script.answer_pings(client)

    with serving(slow) as server, closing(probe_of(server)) as probe:
        for _ in range(4):
            turn.release()
            assert check(probe, 0.1)
        assert [check(probe), check(probe)] == [True, True]
        assert server.connections == 1


def test_what_was_said_earlier_is_no_sign_of_life_now() -> None:
    def fall_silent(connection: socket.socket) -> None:
        connection.sendall(packet(0, greeting("caching_sha2_password", tls=False))[:20])

    with serving(fall_silent) as server, closing(probe_of(server)) as probe:
        assert [check(probe, 0.05) for _ in range(3)] == [True, False, False]
        assert server.connections == 1


def test_a_connection_that_the_server_has_ended_is_opened_anew() -> None:
    class Impatient(MysqlServer):
        def answer_pings(self, client: Client) -> None:
            client.sequence = 0
            client.say(IDLE_FOR_TOO_LONG)
            client.connection.close()

    with serving(Impatient(), MysqlServer()) as server, closing(probe_of(server)) as probe:
        assert [check(probe) for _ in range(3)] == [True] * 3, "a farewell is a sign of life"
        assert server.connections == 2


# Being polite


def test_the_server_is_told_when_it_is_over() -> None:
    script = MysqlServer()
    with serving(script) as server:
        probe = probe_of(server)
        assert check(probe)
        probe.close()
        eventually(lambda: script.clients[0].heard[-1] == QUIT)


def test_a_server_that_owes_an_answer_is_left_without_a_word() -> None:
    script = MysqlServer(pings=0)
    with serving(script) as server:
        probe = probe_of(server)
        assert [check(probe), check(probe, 0.05)] == [True, False]
        probe.close()
        probe.close()
        assert QUIT not in script.clients[0].heard


# TLS and passwords


@pytest.mark.parametrize(
    ("host", "lets_in"),
    [(HOST, True), ("instance-2.example.com", False)],
)
@pytest.mark.parametrize("wanted", [("ssl_verify_cert", "ssl_verify_identity"), ("ssl_verify_identity",)])
def test_a_certificate_is_checked_where_the_user_wants_it(host: str, lets_in: bool, wanted: tuple[str, ...]) -> None:
    tls = trusting(client_tls(**dict.fromkeys(wanted, True)))
    script = MysqlServer(tls=server_tls())
    with serving(script) as server:
        probe = MysqlProbe(Peer("127.0.0.1", server.port), Login("app", b"secret", host, tls))
        with closing(probe):
            assert check(probe), "a server that shows another's certificate lives, too"
            assert (server.connections, check(probe), server.connections) == (1, True, 1 if lets_in else 2)


def test_a_server_without_tls_is_never_told_a_password() -> None:
    for plugin in ("caching_sha2_password", "mysql_clear_password", "sha256_password"):
        script = MysqlServer(plugin=plugin, is_cached=False, switches=True)
        with serving(script) as server, closing(probe_of(server, tls=client_tls())) as probe:
            assert check(probe)
            probe.close()
            eventually(lambda script=script: script.clients[0].connection.fileno() < 0)  # type: ignore[misc]
            assert not any(b"secret" in said for said in script.clients[0].heard)


@pytest.mark.parametrize("wanted", ["ssl_verify_cert", "ssl_verify_identity"])
def test_a_server_without_tls_is_told_nothing_where_tls_is_to_be_verified(wanted: str) -> None:
    script = MysqlServer(plugin="mysql_native_password")
    tls = trusting(client_tls(**{wanted: True}))
    with serving(script) as server, closing(probe_of(server, tls=tls)) as probe:
        assert check(probe), "it lives"
        eventually(lambda: script.clients[0].connection.fileno() < 0)
        assert script.clients[0].heard == []


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_probe_uses_the_versions_of_tls_that_the_user_wants(version: str) -> None:
    script = MysqlServer(tls=server_tls())
    with serving(script) as server, closing(probe_of(server, tls=client_tls(tls_versions=[version]))) as probe:
        assert check(probe)
        encrypted = script.clients[0].connection
        assert isinstance(encrypted, ssl.SSLSocket)
        assert encrypted.version() == version


def test_no_secret_is_shown() -> None:
    assert "secret" not in repr(Login("app", b"secret", HOST))
    assert "secret" not in repr(MysqlProbe(Peer("127.0.0.1", 1), Login("app", b"secret", HOST)))


def test_files_for_tls_are_read(tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    own = AUTHORITY.issue_cert("client@example.com")
    own.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    files = {"ssl_ca": str(tmp_path / "ca.pem"), "ssl_cert": str(tmp_path / "client.pem")}
    strict = server_tls()
    strict.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(strict)
    with serving(MysqlServer(tls=strict)) as server:
        tls = client_tls(**files, ssl_key=files["ssl_cert"], ssl_verify_cert=True)
        with closing(probe_of(server, tls=tls)) as probe:
            assert [check(probe), check(probe), server.connections] == [True, True, 1]
    with pytest.raises(OSError, match="No such file"):
        client_tls(ssl_ca=str(tmp_path / "nowhere.pem"))
    assert client_tls(ssl_disabled=True) is None


def test_a_process_without_descriptors_tells_nothing_of_the_server() -> None:
    code = """
import os, resource, sys
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import Peer
from aws_advanced_python_wrapper.driver.mysql.login import Login
from aws_advanced_python_wrapper.driver.mysql.probe import MysqlProbe

probe = MysqlProbe(Peer("127.0.0.1", int(sys.argv[1])), Login("app", b"", "h"))
used = len(os.listdir("/proc/self/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (used, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    print(run(probe.check(BlockingIo(), Deadline.after(5))))
except Exception as error:
    print("Too many open files" in str(error))
"""
    with serving(silent) as server:
        command = [sys.executable, "-c", code, str(server.port)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True"]


# The adapters


def adapters() -> list[Any]:
    return [MysqlConnectorAdapter(mysql.connector.connect), AiomysqlAdapter(aiomysql.connect), PymysqlAdapter()]


def settings(adapter: Any, **arguments: Any) -> Settings:
    given = {"host": "no.such.host.invalid", "user": "app", "password": "secret", **arguments}
    return Settings.from_arguments("", given, adapter.parameters)


@pytest.mark.parametrize("adapter", adapters(), ids=lambda adapter: adapter.code)
def test_a_probe_logs_in_as_the_user_at_the_peer_whatever_dns_says(adapter: Any) -> None:
    script = MysqlServer()
    with serving(script) as server:
        probe = adapter.probe(settings(adapter), "no.such.host.invalid", Peer("127.0.0.1", server.port))
        with closing(probe):
            assert [check(probe), check(probe), server.connections] == [True, True, 1]


@pytest.mark.parametrize(
    ("adapter", "arguments"),
    [
        (MysqlConnectorAdapter(mysql.connector.connect), {}),
        (AiomysqlAdapter(aiomysql.connect), {"ssl": client_tls()}),
        (PymysqlAdapter(), {"ssl": client_tls()}),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_probe_encrypts_as_the_drivers_connections_do(adapter: Any, arguments: dict[str, Any]) -> None:
    with serving(MysqlServer(tls=server_tls(), is_cached=False)) as server:
        given = settings(adapter, **arguments)
        with closing(adapter.probe(given, "h", Peer("127.0.0.1", server.port))) as probe:
            assert [check(probe), check(probe), server.connections] == [True, True, 1]


def test_a_unix_socket_is_checked_where_it_is_and_private() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/mysqld.sock"
        listener.bind(path)
        listener.listen()
        with serving(MysqlServer(is_cached=False), listener=listener) as server:
            probe = MysqlProbe(Peer(path), Login("app", b"secret", HOST))
            with closing(probe):
                assert [check(probe), check(probe), server.connections] == [True, True, 1]
