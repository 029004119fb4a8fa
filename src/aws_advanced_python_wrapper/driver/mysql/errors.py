"""What the errors of MySQL servers and drivers mean for a connection: by number, else by class or text.

The number is what all drivers agree on: the same failure comes as another class from each, and from each version.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.errors import AwsConnectError, QueryTimeoutError
from aws_advanced_python_wrapper.pep249 import Error

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRIVERS = ("mysql", "_mysql_connector", "pymysql", "aiomysql")

# What a client itself finds: it gets no connection, or has none any more.
_CLIENT = frozenset({2001, 2002, 2003, 2004, 2005, 2006, 2012, 2013, 2026, 2055})

# What a client finds, too, where nothing is wrong but its own use of a connection or cursor.
_CLIENT_IF_LOST = frozenset({2027, 2048})

# The server shuts down or is offline, has blocked this machine, cannot speak with its client any more, or has ended the
# session: killed, or idle for too long. 1927 is MariaDB's word for killed.
_SERVER = frozenset(
    {
        *(1043, 1053, 1077, 1078, 1079, 1080, 1129, 1152, 1184, 1927, 3032, 3168, 3169, 4031),
        *(1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161),
    }
)

# It has as many clients as it takes, of this user's or at all.
_BUSY = frozenset({1040, 1203, 1226})

# Beside those with SQLSTATE 28000: this machine, this way of logging in or an unencrypted connection is not allowed,
# or the client does not know the way; the account is locked, or its password has expired.
_LOGIN = frozenset({1045, 1130, 1251, 1698, 1862, 2059, 2061, 3118, 3159, 3955})
_LOGIN_STATE = "28"
_WRONG_PASSWORD = frozenset({1045, 1698})

# A read-only transaction, a read-only server; InnoDB that is read-only.
_READ_ONLY = frozenset({1792, 1836, 1874})
_FORBIDDEN_BY_OPTION = 1290
_READ_ONLY_OPTION = re.compile("read[-_]only", re.IGNORECASE)

# MySQL Connector/Python gives these the number of a statement's timeout, which is the server's.
_TIMEOUTS = frozenset({"ConnectionTimeoutError", "ReadTimeoutError", "WriteTimeoutError"})

_NOT_AVAILABLE = re.compile(r"connection (?:to mysql is )?not available", re.IGNORECASE)
# C extensions below 9.2 keep neither number nor, at times, text of some errors: of prepared statements, for example.
_NOT_CONNECTED = re.compile(
    "not connected|already closed|cancelled during execution|packet sequence|Failed getting COM_STATISTICS|"
    "lost connection|gone away|^(?:unknown error)?$",
    re.IGNORECASE,
)

# What pure Python calls a connection that is fine, but has rows that nobody has read.
_UNREAD = "Unread result"

# OpenSSL's words, which are not translated: no certificate or version of TLS becomes right by trying again.
_TLS_FOR_GOOD = re.compile(
    "certificate|verify|private key|protocol version|unsupported protocol|wrong version|no protocols|cipher|SSL_CTX|"
    "SSL is required",
    re.IGNORECASE,
)
_TLS_ERROR = 2026


def classify(error: BaseException, *, connection_lost: bool = True) -> ErrorKind:
    """Tell what an error means for the connection it was raised on, or that could not be opened.

    Statements that were interrupted, or took too long, locks that were waited for in vain, and all that is no driver
    error are OTHER: they say nothing about the host.
    """
    if isinstance(error, Error):
        return ErrorKind.NETWORK if isinstance(error, (AwsConnectError, QueryTimeoutError)) else ErrorKind.OTHER
    if isinstance(error, OSError) or type(error).__name__ == "TimeoutError":
        return ErrorKind.NETWORK if connection_lost and not _is_tls_for_good(error) else ErrorKind.OTHER
    names = {base.__name__ for base in type(error).__mro__ if base.__module__.partition(".")[0] in _DRIVERS}
    if not names:
        return ErrorKind.OTHER
    if names & _TIMEOUTS:
        return ErrorKind.NETWORK
    number = _number(error)
    if number is None:
        return _by_text(error, connection_lost=connection_lost)
    if "ProgrammingError" in names and number in _CLIENT and not connection_lost:
        return ErrorKind.OTHER  # a cursor that was closed
    return _by_number(number, error, connection_lost=connection_lost)


def is_wrong_password(error: BaseException) -> bool:
    """Tell, of an error that was classified as LOGIN, whether the server has refused the password."""
    return any(_number(link) in _WRONG_PASSWORD for link in _chain(error))


def _by_number(number: int, error: BaseException, *, connection_lost: bool) -> ErrorKind:
    if number in _READ_ONLY or (number == _FORBIDDEN_BY_OPTION and _READ_ONLY_OPTION.search(str(error))):
        return ErrorKind.READ_ONLY
    if number in _CLIENT:
        return ErrorKind.OTHER if _is_tls_for_good(error) else ErrorKind.NETWORK
    if number in _SERVER:
        return ErrorKind.NETWORK
    if not connection_lost:
        return ErrorKind.OTHER  # a statement may be denied, or exceed a quota, with the numbers of a login
    if number in _LOGIN or str(getattr(error, "sqlstate", None)).startswith(_LOGIN_STATE):
        return ErrorKind.LOGIN
    return ErrorKind.NETWORK if number in _BUSY | _CLIENT_IF_LOST else ErrorKind.OTHER


def _by_text(error: BaseException, *, connection_lost: bool) -> ErrorKind:
    text = str(error)
    if any(_UNREAD in str(link) for link in _chain(error)):
        return ErrorKind.OTHER
    if _NOT_AVAILABLE.search(text):
        return ErrorKind.NETWORK
    # Some functions of MySQL Connector/Python's put an error without a number before the one that there was.
    causes = {_number(link) for link in _chain(error)}
    if connection_lost and causes & _LOGIN:
        return ErrorKind.LOGIN
    lost = connection_lost and (causes & _CLIENT or _NOT_CONNECTED.search(text))
    return ErrorKind.NETWORK if lost else ErrorKind.OTHER


def _number(error: BaseException) -> int | None:
    """Return the error's number: an attribute of MySQL Connector/Python's errors, the first argument of PyMySQL's."""
    number = getattr(error, "errno", None) or next(iter(error.args), None)
    return number if isinstance(number, int) and number > 0 else None


def _is_tls_for_good(error: BaseException) -> bool:
    # Other texts name hosts, which may be called anything.
    told = [link for link in _chain(error) if isinstance(link, ssl.SSLError) or _number(link) == _TLS_ERROR]
    return any(_TLS_FOR_GOOD.search(str(link)) for link in told)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it: some drivers tell the reason only there, PyMySQL under a name of its own."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or getattr(link, "original_exception", None)
