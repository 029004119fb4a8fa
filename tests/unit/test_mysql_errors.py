"""What errors of MySQL servers and drivers mean; `mysql_errors.json` has what drivers of several versions have raised.

Each error there is a list: the error and its causes, by class, number, SQLSTATE and text.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.driver.mysql import errors
from aws_advanced_python_wrapper.driver.mysql.errors import classify, is_wrong_password
from aws_advanced_python_wrapper.errors import AwsConnectError, AwsWrapperError, FailoverSuccessError, QueryTimeoutError

NETWORK, LOGIN, READ_ONLY, OTHER = ErrorKind.NETWORK, ErrorKind.LOGIN, ErrorKind.READ_ONLY, ErrorKind.OTHER

RECORDED = json.loads((Path(__file__).parent / "mysql_errors.json").read_text())

_MODULES = {"mysql": ("mysql.connector.errors", "_mysql_connector"), "pymysql": ("pymysql.err",), "": ("builtins",)}

# Which versions have and which not.
_BY_VERSION = ("ConnectionTimeoutError", "ReadTimeoutError", "WriteTimeoutError", "MySQLInterfaceError")


def class_of(name: str) -> type[BaseException]:
    package, _, own = name.rpartition(".")
    for module in _MODULES.get(package, (package,)):
        try:
            found: type[BaseException] = getattr(import_module(module), own)
        except (ImportError, AttributeError):
            continue
        return found
    assert own in _BY_VERSION, name
    return type(own, (Exception,), {"__module__": _MODULES[package][0]})


def made(links: list[list[Any]]) -> BaseException:
    """Make an error as the driver does, and its causes."""
    (name, number, state, text), *causes = links
    cls = class_of(name)
    if name.startswith("pymysql.") or issubclass(cls, OSError):
        args = (text,) if number is None else (number, text)
        error = cls(*args)
    elif issubclass(cls, getattr(import_module("mysql.connector"), "Error")):  # noqa: B009 - mypy does not know it
        error = cls(text, number, sqlstate=state)  # type: ignore[call-arg]
    else:
        error = cls.__new__(cls)
        error.args = (text,)
        vars(error).update(errno=number, sqlstate=state, msg=text)
    error.__cause__ = made(causes) if causes else None
    return error


def recorded() -> list[Any]:
    return [
        pytest.param(links, ErrorKind(group["kind"]), group["lost"], id=f"{what}: {links[0][0]} {links[0][1]}")
        for what, group in RECORDED.items()
        for links in group["errors"]
    ]


@pytest.mark.parametrize(("links", "kind", "lost"), recorded())
def test_what_drivers_raise(links: list[list[Any]], kind: ErrorKind, lost: bool) -> None:
    assert classify(made(links), connection_lost=lost) is kind


@pytest.mark.parametrize(
    "what", ["wrong password", "too many connections", "statement", "limits", "closed cursor", "unread rows"]
)
def test_what_a_connection_survives_tells_nothing_of_the_host(what: str) -> None:
    for links in RECORDED[what]["errors"]:
        assert classify(made(links), connection_lost=False) is OTHER


@pytest.mark.parametrize("what", ["lost while in use", "used after a loss"])
def test_a_loss_is_known_by_its_number_whatever_the_connection_says(what: str) -> None:
    for links in RECORDED[what]["errors"]:
        if (links[0][1] or -1) > 0:
            assert classify(made(links), connection_lost=False) is NETWORK, links


def connector(number: int, text: str = "something", state: str | None = None, name: str = "DatabaseError") -> Any:
    return made([[f"mysql.{name}", number, state, text]])


NUMBERS = [
    *((number, NETWORK) for number in (2001, 2002, 2003, 2004, 2005, 2006, 2012, 2013, 2055)),  # no connection
    *((number, NETWORK) for number in (1053, 1077, 1079, 3032, 3168)),  # the server is leaving, or not there
    *((number, NETWORK) for number in (1129, 1152, 1158, 1159, 1160, 1161, 1184)),
    *((number, NETWORK) for number in (4031, 3169, 1927)),  # it has ended the session
    *((number, LOGIN) for number in (1045, 1130, 1251, 1698, 1862, 2059, 2061, 3118, 3159, 3955)),
    *((number, READ_ONLY) for number in (1792, 1836, 1874)),
    *((number, NETWORK) for number in (1040, 1203, 1226)),  # busy
    *((number, OTHER) for number in (1044, 1049, 1142, 1227)),  # a database or a privilege
    *((number, OTHER) for number in (1205, 1213, 1317, 3024, 3572)),  # locks and limits
    *((number, OTHER) for number in (1062, 1064, 1146, 1153, 1223, 1238, 1290, 1429, 1430)),
    *((number, OTHER) for number in (2000, 2008, 2014, 2030, 2054)),  # the client is used wrongly
]


@pytest.mark.parametrize(("number", "kind"), NUMBERS)
def test_a_number_tells_more_than_class_and_text(number: int, kind: ErrorKind) -> None:
    for name in ("DatabaseError", "OperationalError", "InterfaceError", "ProgrammingError", "InternalError"):
        for text in ("Lost connection to MySQL server", "Access denied", "irgendetwas"):
            assert classify(connector(number, text, name=name)) is kind
            assert classify(made([[f"pymysql.{name}", number, None, text]])) is kind
    assert classify(made([["mysql.MySQLInterfaceError", number, "HY000", "something"]])) is kind


def test_any_state_of_logins_is_one() -> None:
    assert classify(connector(9999, state="28000")) is LOGIN
    assert classify(connector(9999, state="28000"), connection_lost=False) is OTHER


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ("--read-only", READ_ONLY),
        ("--super-read-only", READ_ONLY),
        ("--innodb-read-only", READ_ONLY),
        ("read_only", READ_ONLY),
        ("--secure-file-priv", OTHER),
        ("--skip-grant-tables", OTHER),
        ("--skip-networking", OTHER),
    ],
)
def test_which_option_forbids_a_statement_is_told_in_any_language(option: str, kind: ErrorKind) -> None:
    for text in (
        f"The MySQL server is running with the {option} option so it cannot execute this statement",
        f"Der MySQL-Server läuft mit der Option {option} und kann diese Anweisung deswegen nicht ausführen",
    ):
        for lost in (True, False):
            assert classify(connector(1290, text, "HY000"), connection_lost=lost) is kind


@pytest.mark.parametrize("name", ["ConnectionTimeoutError", "ReadTimeoutError", "WriteTimeoutError"])
def test_a_timeout_of_the_drivers_is_told_from_one_of_a_statement(name: str) -> None:
    assert classify(connector(3024, name=name), connection_lost=False) is NETWORK
    assert classify(connector(3024, name="DatabaseError"), connection_lost=True) is OTHER


TLS = [
    ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", OTHER),
    ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch", OTHER),
    ("[SSL: WRONG_VERSION_NUMBER] wrong version number", OTHER),
    ("[SSL: UNSUPPORTED_PROTOCOL] unsupported protocol", OTHER),
    ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", OTHER),
    ("[SSL: NO_SHARED_CIPHER] no shared cipher", OTHER),
    ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol", NETWORK),
    ("[SSL: BAD_LENGTH] bad length", NETWORK),
    ("The handshake operation timed out", NETWORK),
]


@pytest.mark.parametrize(("text", "kind"), TLS)
def test_tls_that_cannot_work_is_told_from_tls_that_was_cut_off(text: str, kind: ErrorKind) -> None:
    cause = ["ssl.SSLError", 1, None, text]
    assert classify(made([cause])) is kind
    assert classify(made([["mysql.InterfaceError", 2055, None, "Lost connection"], cause])) is kind
    assert classify(made([["pymysql.OperationalError", 2003, None, "Can't connect to MySQL server"], cause])) is kind
    assert classify(connector(2026, f"SSL connection error: {text}", "HY000")) is kind


def test_a_host_may_be_called_anything() -> None:
    text = (
        "Lost connection to MySQL server at 'ssl-certificate-verify.cipher.example.com:3306', system error: timed out"
    )
    assert classify(connector(2055, text)) is NETWORK


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError(), TimeoutError(), asyncio.TimeoutError(), OSError("Multiple exceptions: …"), ssl.SSLError()],
    ids=repr,
)
def test_what_an_asyncio_driver_hands_on_counts_where_there_is_no_connection(error: BaseException) -> None:
    assert classify(error, connection_lost=True) is NETWORK
    assert classify(error, connection_lost=False) is OTHER


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        ValueError(2013, "Lost connection to MySQL server"),
        KeyError(2013),
        RuntimeError("MySQL Connection not available"),
        AwsWrapperError("MySQL Connection not available"),
        FailoverSuccessError("x"),
    ],
    ids=repr,
)
def test_everything_else_tells_nothing_of_the_host(error: BaseException) -> None:
    assert classify(error) is OTHER
    assert classify(error, connection_lost=False) is OTHER


@pytest.mark.parametrize("error", [AwsConnectError("x"), QueryTimeoutError("x")], ids=repr)
def test_our_own_errors_of_the_network(error: BaseException) -> None:
    assert classify(error) is NETWORK
    assert classify(error, connection_lost=False) is NETWORK


def test_a_program_may_have_classes_of_its_own() -> None:
    class Special(class_of("mysql.OperationalError")):  # type: ignore[misc]
        """Raised for a number by `custom_error_exception`."""

    assert classify(Special("Lost connection", 2013), connection_lost=False) is NETWORK


def test_a_password_may_be_refused_when_a_connection_is_opened_again() -> None:
    opened_again = ["mysql.InterfaceError", None, None, "Can not reconnect to MySQL after 1 attempt(s): 1045: Denied"]
    refused = made([opened_again, ["mysql.ProgrammingError", 1045, "28000", "Denied"]])
    assert classify(refused) is LOGIN
    assert is_wrong_password(refused)
    lost = made([opened_again, ["mysql.DatabaseError", 2003, None, "Can't connect"]])
    assert classify(lost) is NETWORK


def test_no_certificate_becomes_right_by_trying_again() -> None:
    reason = ssl.SSLCertVerificationError("certificate verify failed")
    error = made([["pymysql.OperationalError", 2003, None, f"Can't connect to MySQL server on 'x' ({reason})"]])
    assert classify(error) is NETWORK
    error.original_exception = reason  # type: ignore[attr-defined]
    assert classify(error) is OTHER


@pytest.mark.parametrize("name", ["mysql.InterfaceError", "pymysql.OperationalError"])
def test_nor_does_a_server_offer_tls_then(name: str) -> None:
    text = "SSL connection error: SSL is required but the server doesn't support it"
    assert classify(made([[name, 2026, None, text]])) is OTHER


@pytest.mark.parametrize(("number", "refused"), [(1045, True), (1698, True), (1130, False), (3118, False)])
def test_a_wrong_password_is_told_from_another_refusal(number: int, refused: bool) -> None:
    assert is_wrong_password(connector(number)) is refused
    assert is_wrong_password(made([["pymysql.OperationalError", number, None, "Access denied"]])) is refused


@pytest.mark.parametrize("text", ["Lost connection to MySQL server during query", "MySQL server has gone away", ""])
def test_an_error_without_number_counts_where_the_connection_is_lost(text: str) -> None:
    error = class_of("mysql.MySQLInterfaceError")(text)
    assert classify(error, connection_lost=True) is NETWORK
    assert classify(error, connection_lost=False) is OTHER


def test_the_page_on_mysql_names_every_number_where_it_belongs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mysql.md").read_text()
    table = page.partition("| number | means |\n|---|---|\n")[2].partition("\n\n")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines()]
    lost, ended, read_only, busy, login, tls = (numbers_in(cell) for cell in first_cells[:-1])
    assert lost | tls == errors._CLIENT
    assert ended == errors._SERVER - {MARIADB_KILLED}
    assert read_only == errors._READ_ONLY | {errors._FORBIDDEN_BY_OPTION}
    assert busy == errors._BUSY
    assert login - {28000} == errors._LOGIN


MARIADB_KILLED = 1927


def numbers_in(cell: str) -> set[int]:
    found = [(int(first), int(last or first)) for first, last in re.findall(r"(\d+)(?:\N{EN DASH}(\d+))?", cell)]
    return {number for first, last in found for number in range(first, last + 1)}
