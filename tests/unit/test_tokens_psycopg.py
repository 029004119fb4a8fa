"""With a token for a password psycopg is told to use TLS, whatever else says otherwise."""

from __future__ import annotations

import os
import ssl
import struct
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import trustme

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import ErrorKind, Peer
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.properties import Settings
from support.playing_server import serving
from support.scripted_server import message

if TYPE_CHECKING:
    import socket
    from pathlib import Path

TOKEN = "db.example.com:5432/?Action=connect&" + "q%2F" * 600
ADAPTER = PsycopgAdapter(psycopg.Connection.connect)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    services = tmp_path / "services.conf"
    services.write_text("[strict]\nsslmode=verify-full\n[careless]\nsslmode=disable\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))


def settings(**arguments: Any) -> Settings:
    return Settings.from_arguments(
        None, {"host": "db.example.com", **arguments}, ADAPTER.parameters, ADAPTER.typed_parameters
    )


def arguments(**given: Any) -> dict[str, Any]:
    return ADAPTER.arguments(ADAPTER.token_settings(settings(**given)), "db.example.com", 5432)


@pytest.mark.parametrize(
    ("environment", "given", "mode"),
    [
        ({}, {}, "require"),
        ({}, {"sslmode": "allow"}, "require"),
        ({}, {"sslmode": "prefer"}, "require"),
        ({}, {"sslmode": ""}, "require"),
        ({}, {"sslmode": "require"}, "require"),
        ({}, {"sslmode": "verify-ca"}, "verify-ca"),
        ({}, {"sslmode": "verify-full"}, "verify-full"),
        ({}, {"sslrootcert": "system"}, "verify-full"),
        ({}, {"sslmode": "nonsense"}, "nonsense"),  # libpq says so
        ({}, {"service": "strict"}, "verify-full"),
        ({}, {"service": "strict", "sslmode": "require"}, "require"),
        ({}, {"service": "careless"}, "require"),
        ({"PGSERVICE": "strict"}, {}, "verify-full"),
        ({"PGSSLMODE": "disable"}, {}, "require"),
        ({"PGSSLMODE": "prefer"}, {}, "require"),
        ({"PGSSLMODE": "verify-ca"}, {}, "verify-ca"),
        ({"PGSSLMODE": "verify-ca"}, {"sslmode": "verify-full"}, "verify-full"),
        ({"PGSSLROOTCERT": "system"}, {}, "verify-full"),
    ],
)
def test_tls_is_required_and_what_was_wanted_beyond_that_stays(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], given: dict[str, Any], mode: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert arguments(**given)["sslmode"] == mode


def test_gssapi_does_not_stand_in_for_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGGSSENCMODE", "require")
    assert arguments()["gssencmode"] == "disable"
    assert arguments(gssencmode="prefer")["gssencmode"] == "disable"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sslmode": "disable"}, "sslmode=disable: a token is sent over TLS only"),
        ({"gssencmode": "require"}, "gssencmode=require: a token is sent over TLS only"),
        ({"host": "/var/run/postgresql"}, "host: a token is sent over TLS only"),
        ({"host": "@abstract"}, "host: a token is sent over TLS only"),
    ],
)
def test_who_wants_no_tls_is_told_which_parameter_is_in_the_way(given: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsWrapperError, match=f"^{message}") as raised:
        ADAPTER.token_settings(settings(**given))
    assert isinstance(raised.value, psycopg.Error)


def test_a_directory_of_sockets_is_no_hindrance_where_the_address_is_given() -> None:
    assert arguments(host="/var/run/postgresql", hostaddr="127.0.0.1")["sslmode"] == "require"


def test_background_connections_do_not_escape_it_by_parameters_of_their_own() -> None:
    given = {"topology-monitoring-sslmode": "disable", "monitoring-sslmode": "allow", "frt-sslmode": "verify-ca"}
    of_session = ADAPTER.token_settings(settings(**given))

    def mode(purpose: str) -> Any:
        return ADAPTER.arguments(of_session.for_monitoring(purpose, without=()), "db.example.com", 5432)["sslmode"]

    assert mode("monitoring-") == "require"
    assert mode("frt-") == "verify-ca"
    with pytest.raises(AwsWrapperError, match="sslmode=disable"):
        mode("topology-monitoring-")


def test_the_driver_gets_nothing_that_it_does_not_know() -> None:
    assert arguments(dbname="app").keys() == {"host", "port", "dbname", "sslmode", "gssencmode"}


def test_a_password_of_the_programs_own_is_sent_as_the_program_wants_it() -> None:
    assert "sslmode" not in ADAPTER.arguments(settings(), "db.example.com", 5432)


class Server:
    """Notes what it hears, and offers TLS with a certificate of nobody's, or none; it never lets anybody in."""

    def __init__(self, *, offers_tls: bool) -> None:
        self._tls = server_tls() if offers_tls else None
        self.heard = b""

    def __call__(self, connection: socket.socket) -> None:
        self._note(connection.recv(8))
        connection.sendall(b"N" if self._tls is None else b"S")
        with connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True) as private:
            self._note(private.recv(10_000))
            private.sendall(message(b"R", struct.pack("!i", 3)))  # asks for the password as it is
            self._note(private.recv(10_000))

    def _note(self, data: bytes) -> None:
        self.heard += data


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def sign_in(port: int, **given: Any) -> None:
    with_token = ADAPTER.token_settings(settings(**given)).with_driver(password=TOKEN, user="jane", connect_timeout=10)
    run(ADAPTER.open(BlockingIo(), ADAPTER.arguments(with_token, "127.0.0.1", port)))


def test_a_long_token_is_told_whole_over_tls() -> None:
    server = Server(offers_tls=True)
    with serving(server) as at, pytest.raises(psycopg.OperationalError):
        sign_in(at.port)
    assert TOKEN.encode() + b"\0" in server.heard


@pytest.mark.parametrize(
    ("offers_tls", "given"),
    [
        (False, {}),
        (False, {"sslmode": "prefer"}),
        (False, {"sslmode": "verify-full"}),
        (True, {"sslmode": "verify-full"}),
        (True, {"channel_binding": "require"}),
        (True, {"require_auth": "scram-sha-256"}),
    ],
)
def test_who_is_not_to_be_trusted_does_not_hear_it_and_the_driver_says_why(
    offers_tls: bool, given: dict[str, Any]
) -> None:
    server = Server(offers_tls=offers_tls)
    with serving(server) as at, pytest.raises(psycopg.OperationalError) as raised:
        sign_in(at.port, **given)
    assert server.heard
    assert b"Action=connect" not in server.heard
    assert ADAPTER.classify(raised.value) is ErrorKind.OTHER


@pytest.mark.parametrize("offers_tls", [True, False])
def test_a_probe_tells_it_over_tls_only(offers_tls: bool) -> None:
    server = Server(offers_tls=offers_tls)
    with serving(server) as at:
        with_token = ADAPTER.token_settings(settings()).with_driver(password=TOKEN, user="jane")
        probe = ADAPTER.probe(with_token, "db.example.com", Peer("127.0.0.1", at.port))
        assert run(probe.check(BlockingIo(), Deadline.after(5)))
        probe.close()
    assert (b"Action=connect" in server.heard) is offers_tls
