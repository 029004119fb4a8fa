"""What psycopg's errors mean for a connection: by SQLSTATE, else by class, else by the text of libpq."""

from __future__ import annotations

import re

import psycopg

from aws_advanced_python_wrapper.driver.adapter import ErrorKind
from aws_advanced_python_wrapper.errors import AwsConnectError, QueryTimeoutError

# PostgreSQL documentation, appendix A: connection exceptions; the server is shutting down, has crashed, is not up yet.
_NETWORK_STATES = ("08", "57P01", "57P02", "57P03")

# Insufficient resources, system errors, configuration file errors, internal errors: they tell of the host only where
# the server ended the session over them. Otherwise they are the statement's own, and the connection is fine.
_NETWORK_STATES_IF_FATAL = ("53", "58", "99", "F0", "XX")

_READ_ONLY_STATE = "25006"
_LOGIN_CLASS = "28"

# libpq hands on what a server answers to a connection attempt as text without SQLSTATE: "FATAL:  <message>". Where the
# message is not one of these, the server was there and refused for good: not a network error.
_REFUSED_FOR_NOW = re.compile(
    r"the database system is (starting up|shutting down|not (yet )?accepting connections|in recovery mode)"
    r"|too many (clients|connections)"
    r"|remaining connection slots"
    r"|terminating connection",
)
_LOGIN_REFUSED = re.compile(
    r"authentication failed"
    r"|no password supplied"
    r"|no pg_hba\.conf entry"
    r"|pg_hba\.conf rejects connection"
    r'|role ".*" (does not exist|is not permitted to log in)',
)
# Said by libpq itself before it has reached, or although it has reached, a server: the user's settings are wrong.
_MISCONFIGURED = re.compile(
    r"certificate"
    r"|does not support SSL"
    r"|SSL was required"
    r"|private key file"
    r"|invalid (sslmode|connection option|port number|integer value|channel_binding|require_auth)"
    r"|is not supported by this build"
    r"|definition of service"
)


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
        return _by_state(error.sqlstate, error.diag.severity_nonlocalized)
    if isinstance(error, psycopg.OperationalError):
        return _by_text(str(error)) if connection_lost else ErrorKind.OTHER
    return ErrorKind.OTHER


def _by_state(state: str, severity: str | None) -> ErrorKind:
    if state == _READ_ONLY_STATE:
        return ErrorKind.READ_ONLY
    if state.startswith(_LOGIN_CLASS):
        return ErrorKind.LOGIN
    if state.startswith(_NETWORK_STATES):
        return ErrorKind.NETWORK
    if state.startswith(_NETWORK_STATES_IF_FATAL) and severity in ("FATAL", "PANIC"):
        return ErrorKind.NETWORK
    return ErrorKind.OTHER


def _by_text(text: str) -> ErrorKind:
    if _LOGIN_REFUSED.search(text):
        return ErrorKind.LOGIN
    if _REFUSED_FOR_NOW.search(text):
        return ErrorKind.NETWORK
    if "FATAL:" in text or _MISCONFIGURED.search(text):
        return ErrorKind.OTHER
    return ErrorKind.NETWORK
