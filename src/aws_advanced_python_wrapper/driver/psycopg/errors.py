"""What psycopg's errors mean for a connection: by SQLSTATE, else by class, else by the text of libpq."""

from __future__ import annotations

import psycopg

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.driver.psycopg.libpq_messages import LOGIN_REFUSED, REFUSED_FOR_GOOD, WRONG_PASSWORD
from aws_advanced_python_wrapper.errors import AwsConnectError, QueryTimeoutError

# PostgreSQL documentation, appendix A: connection exceptions; the server is shutting down, has crashed, is not up yet.
_NETWORK_STATES = ("08", "57P01", "57P02", "57P03")

# Whatever else ends a session (severity FATAL or PANIC) has to do with the host, but for these: login failures, and a
# database that was dropped, is not there, or takes no connections.
_ENDED_FOR_GOOD = ("28", "57P04", "3D000", "55000")

_READ_ONLY_STATE = "25006"
_LOGIN_CLASS = "28"
_INVALID_PASSWORD = "28P01"  # noqa: S105 - an SQLSTATE


def classify(error: BaseException, *, connection_lost: bool = True) -> ErrorKind:
    """Tell what an error means for the connection it was raised on.

    An error without SQLSTATE says something about the network only if the connection is lost. Cancelled statements,
    exceeded statement and lock timeouts, and all that is no driver error are OTHER: they say nothing about the host.
    """
    if isinstance(error, (AwsConnectError, QueryTimeoutError)):
        return ErrorKind.NETWORK
    if not isinstance(error, psycopg.Error):
        return ErrorKind.OTHER
    if error.sqlstate is not None:
        return _by_state(error.sqlstate, error.diag.severity_nonlocalized, connection_lost=connection_lost)
    if isinstance(error, psycopg.OperationalError):
        return _by_text(str(error)) if connection_lost else ErrorKind.OTHER
    return ErrorKind.OTHER


def is_wrong_password(error: BaseException) -> bool:
    """Tell, of an error of kind LOGIN, whether the password was refused and not the user."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state == _INVALID_PASSWORD or bool(WRONG_PASSWORD.search(str(error)))


def _by_state(state: str, severity: str | None, *, connection_lost: bool) -> ErrorKind:
    if state == _READ_ONLY_STATE:
        return ErrorKind.READ_ONLY
    if state.startswith(_LOGIN_CLASS):
        return ErrorKind.LOGIN
    if state.startswith(_NETWORK_STATES):
        # A statement that fails, and leaves the connection as it was, speaks of another server's: a foreign table's.
        return ErrorKind.OTHER if severity == "ERROR" and not connection_lost else ErrorKind.NETWORK
    if severity in ("FATAL", "PANIC") and not state.startswith(_ENDED_FOR_GOOD):
        return ErrorKind.NETWORK
    return ErrorKind.OTHER


def _by_text(text: str) -> ErrorKind:
    if LOGIN_REFUSED.search(text):
        return ErrorKind.LOGIN
    if REFUSED_FOR_GOOD.search(text):
        return ErrorKind.OTHER
    return ErrorKind.NETWORK
