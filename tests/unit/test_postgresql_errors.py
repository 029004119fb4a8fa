from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import errors

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.driver.psycopg.errors import classify, is_wrong_password
from aws_advanced_python_wrapper.errors import AwsConnectError, AwsWrapperError, QueryTimeoutError
from unit.libpq_messages import FOR_GOOD, PERHAPS_OVER_SOON

NETWORK, LOGIN, READ_ONLY, OTHER = ErrorKind.NETWORK, ErrorKind.LOGIN, ErrorKind.READ_ONLY, ErrorKind.OTHER

AT = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '

TEXTS = [
    # libpq lost an open connection
    ("server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally", NETWORK),
    ("consuming input failed: server closed the connection unexpectedly", NETWORK),
    ("consuming input failed: SSL connection has been closed unexpectedly", NETWORK),
    ("consuming input failed: could not receive data from server: Connection timed out", NETWORK),
    ("consuming input failed: SSL SYSCALL error: EOF detected", NETWORK),
    ("sending query failed: another command is already in progress", NETWORK),
    ("sending query failed: no connection to the server", NETWORK),
    ("sending query and params failed: could not send data to server: Broken pipe", NETWORK),
    ("the connection is closed", NETWORK),
    ("the connection is lost", NETWORK),
    ("connection socket closed", NETWORK),
    ("flushing failed: no COPY in progress", NETWORK),
    # it did not get a connection
    (AT + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?", NETWORK),
    (AT + "Connection timed out", NETWORK),
    (AT + "No route to host", NETWORK),
    (AT + "Connection reset by peer", NETWORK),
    (AT + "server closed the connection unexpectedly", NETWORK),
    (AT + "timeout expired", NETWORK),
    (AT + "SSL error: unexpected eof while reading", NETWORK),
    (AT + "could not initiate GSSAPI security context", NETWORK),
    ("connection timeout expired", NETWORK),
    ("[Errno -2] Name or service not known", NETWORK),
    ("[Errno -3] Temporary failure in name resolution", NETWORK),
    ("failed to resolve host 'db.example.com': [Errno -2] Name or service not known", NETWORK),
    # the server is not ready for anybody
    (AT + "FATAL:  the database system is starting up", NETWORK),
    (AT + "FATAL:  the database system is shutting down", NETWORK),
    (AT + "FATAL:  the database system is in recovery mode", NETWORK),
    (AT + "FATAL:  the database system is not yet accepting connections", NETWORK),
    (AT + "FATAL:  the database system is not accepting connections", NETWORK),
    (AT + "FATAL:  sorry, too many clients already", NETWORK),
    (AT + "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", NETWORK),
    (AT + 'FATAL:  too many connections for role "app"', NETWORK),
    (AT + "FATAL:  terminating connection due to administrator command", NETWORK),
    # it does not want this user
    (AT + 'FATAL:  password authentication failed for user "app"', LOGIN),
    (AT + 'FATAL:  PAM authentication failed for user "app"', LOGIN),
    (AT + 'FATAL:  Peer authentication failed for user "app"', LOGIN),
    (AT + "fe_sendauth: no password supplied", LOGIN),
    (AT + 'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", no encryption', LOGIN),
    (AT + 'FATAL:  pg_hba.conf rejects connection for host "10.0.0.9", user "app", database "app"', LOGIN),
    (AT + 'FATAL:  role "app" does not exist', LOGIN),
    (AT + 'FATAL:  role "app" is not permitted to log in', LOGIN),
    # it refuses for good, or the settings are wrong
    (AT + 'FATAL:  database "nowhere" does not exist', OTHER),
    (AT + 'FATAL:  unrecognized configuration parameter "nonsense"', OTHER),
    (AT + "server does not support SSL, but SSL was required", OTHER),
    (AT + "SSL error: certificate verify failed", OTHER),
    (AT + 'server certificate for "a" does not match host name "b"', OTHER),
    ('root certificate file "/nowhere" does not exist', OTHER),
    ('invalid sslmode value: "maybe"', OTHER),
    ('invalid connection option "nonsense"', OTHER),
]


@pytest.mark.parametrize(("text", "kind"), TEXTS)
def test_what_libpq_says_without_a_state(text: str, kind: ErrorKind) -> None:
    assert classify(psycopg.OperationalError(text)) is kind


@pytest.mark.parametrize("message", FOR_GOOD.strip().splitlines())
def test_what_libpq_refuses_for_good(message: str) -> None:
    for text in (message, AT + message, AT.replace("10.0.0.1", "db.example.com") + message):
        assert classify(psycopg.OperationalError(text)) is OTHER


@pytest.mark.parametrize("message", PERHAPS_OVER_SOON.strip().splitlines())
def test_what_may_be_over_a_moment_later(message: str) -> None:
    for text in (message, AT + message):
        assert classify(psycopg.OperationalError(text)) is NETWORK


@pytest.mark.parametrize("text", [text for text, kind in TEXTS if kind is not OTHER])
def test_no_text_says_anything_of_the_host_while_the_connection_is_there(text: str) -> None:
    assert classify(psycopg.OperationalError(text), connection_lost=False) is OTHER


STATES = [
    ("08000", NETWORK),
    ("08001", NETWORK),
    ("08003", NETWORK),
    ("08006", NETWORK),
    ("08P01", NETWORK),
    ("57P01", NETWORK),
    ("57P02", NETWORK),
    ("57P03", NETWORK),
    ("28000", LOGIN),
    ("28P01", LOGIN),
    ("25006", READ_ONLY),
    ("53300", OTHER),
    ("58030", OTHER),
    ("58P01", OTHER),
    ("XX000", OTHER),
    ("XX001", OTHER),
    ("F0000", OTHER),
    ("57014", OTHER),  # statement timeout, cancel
    ("57P04", OTHER),  # the database was dropped
    ("57P05", OTHER),  # idle session timeout
    ("55P03", OTHER),  # lock timeout
    ("25P01", OTHER),
    ("25P02", OTHER),
    ("25P03", OTHER),  # idle in transaction timeout
    ("40001", OTHER),
    ("40P01", OTHER),
    ("23505", OTHER),
    ("42P01", OTHER),
    ("3D000", OTHER),
    ("22012", OTHER),
    ("53100", OTHER),
]


def with_state(state: str, severity: str = "ERROR", text: str = "something") -> psycopg.Error:
    class Stated(errors.lookup(state) if state in _KNOWN else psycopg.OperationalError):  # type: ignore[misc]
        sqlstate = state

        @property
        def diag(self) -> Any:
            return SimpleNamespace(severity_nonlocalized=severity)

    error: psycopg.Error = Stated(text)
    return error


_KNOWN = {state for state, _ in STATES if state in errors._sqlcodes}


@pytest.mark.parametrize("state", [state for state, kind in STATES if kind is NETWORK])
@pytest.mark.parametrize(
    ("severity", "lost", "kind"),
    [("ERROR", False, OTHER), ("ERROR", True, NETWORK), ("FATAL", False, NETWORK), (None, False, NETWORK)],
)
def test_a_lost_connection_of_the_servers_own_is_none_of_ours(
    state: str, severity: Any, lost: bool, kind: ErrorKind
) -> None:
    assert classify(with_state(state, severity), connection_lost=lost) is kind


@pytest.mark.parametrize(("state", "kind"), STATES)
@pytest.mark.parametrize("lost", [True, False])
def test_a_state_tells_more_than_the_text(state: str, kind: ErrorKind, lost: bool) -> None:
    for text in ("server closed the connection unexpectedly", "password authentication failed", "irgendetwas"):
        severity = "FATAL" if kind is NETWORK else "ERROR"
        assert classify(with_state(state, severity, text), connection_lost=lost) is kind


@pytest.mark.parametrize("state", ["53300", "53400", "58030", "58P01", "F0000", "99000", "XX000", "XX001"])
@pytest.mark.parametrize("severity", ["FATAL", "PANIC"])
def test_what_ends_the_session_tells_of_the_host(state: str, severity: str) -> None:
    assert classify(with_state(state, severity)) is NETWORK


@pytest.mark.parametrize("state", ["57014", "55P03", "40001", "23505", "3D000"])
def test_other_states_tell_nothing_of_the_host(state: str) -> None:
    assert classify(with_state(state, "ERROR")) is OTHER


@pytest.mark.parametrize("state", ["57P05", "25P03", "25P04", "57014", "42501"])
@pytest.mark.parametrize("severity", ["FATAL", "PANIC"])
def test_whatever_ends_the_session_is_a_lost_connection(state: str, severity: str) -> None:
    assert classify(with_state(state, severity)) is NETWORK


@pytest.mark.parametrize("state", ["57P04", "3D000", "55000"])
def test_a_database_that_is_gone_is_gone_on_every_host(state: str) -> None:
    assert classify(with_state(state, "FATAL")) is OTHER


@pytest.mark.parametrize(
    "error",
    [
        psycopg.InterfaceError("the cursor is closed"),
        psycopg.ProgrammingError("the last operation didn't produce a result"),
        psycopg.DataError("x"),
        psycopg.IntegrityError("server closed the connection unexpectedly"),
        psycopg.NotSupportedError("x"),
        errors.QueryCanceled("canceling statement due to statement timeout"),
        errors.LockNotAvailable("canceling statement due to lock timeout"),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        ConnectionResetError("of some other connection"),
        TimeoutError(),
        AwsWrapperError("x"),
        ValueError("connection failed"),
    ],
    ids=repr,
)
def test_everything_else_tells_nothing_of_the_host(error: BaseException) -> None:
    assert classify(error) is OTHER
    assert classify(error, connection_lost=False) is OTHER


PAM_REFUSES = AT + 'FATAL:  PAM authentication failed for user "jane"'
NOBODY_THERE = AT + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?"
SEVERAL_ADDRESSES = f"{{0}}\nMultiple connection attempts failed. All failures were:\n- {NOBODY_THERE}\n- {{0}}"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (PAM_REFUSES, True),
        (SEVERAL_ADDRESSES.format(PAM_REFUSES), True),
        (AT + 'FATAL:  password authentication failed for user "jane"', True),
        (AT + "fe_sendauth: no password supplied", True),
        (AT + 'FATAL:  pg_hba.conf rejects connection for host "10.0.0.9", user "jane", no encryption', False),
        (AT + 'FATAL:  role "jane" does not exist', False),
    ],
)
def test_a_refused_password_or_token_is_told_from_a_refused_user(text: str, refused: bool) -> None:
    error = psycopg.OperationalError(text)
    assert classify(error) is LOGIN
    assert is_wrong_password(error) is refused


@pytest.mark.parametrize("error", [AwsConnectError("x"), QueryTimeoutError("x")], ids=repr)
def test_our_own_errors_of_the_network(error: BaseException) -> None:
    assert classify(error) is NETWORK
    assert classify(error, connection_lost=False) is NETWORK


@pytest.mark.parametrize(
    ("raw", "kind"), [(None, NETWORK), (SimpleNamespace(closed=True), NETWORK), (SimpleNamespace(closed=False), OTHER)]
)
def test_the_adapter_asks_the_connection_whether_it_is_lost(raw: Any, kind: ErrorKind) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    assert adapter.classify(psycopg.OperationalError("sending query failed"), raw) is kind


def test_a_real_refusal_is_a_network_error_and_a_wrong_option_is_not() -> None:
    import socket

    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(psycopg.OperationalError) as refused:
            psycopg.connect(host="127.0.0.1", port=taken.getsockname()[1], connect_timeout=5)
    assert classify(refused.value) is NETWORK
    with pytest.raises(psycopg.OperationalError) as misconfigured:
        psycopg.connect(host="127.0.0.1", sslmode="maybe")
    assert classify(misconfigured.value) is OTHER
