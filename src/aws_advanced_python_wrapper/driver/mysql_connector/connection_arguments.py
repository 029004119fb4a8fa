"""The connection arguments of MySQL Connector/Python."""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mysql.connector.constants import CNX_POOL_ARGS, DEFAULT_CONFIGURATION
from mysql.connector.optionfiles import read_option_files

from aws_advanced_python_wrapper.converters import KEYWORD_ONLY, TEXT, TRUTH, WHOLE_NUMBER, Converter, Parameter
from aws_advanced_python_wrapper.driver.mysql.time_limit import DEFAULT_SECONDS
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL_ARGUMENTS = frozenset(CNX_POOL_ARGS)

# What shapes a program's own session. Pools are for connections that a program asks for.
OF_SESSIONS = POOL_ARGUMENTS | {
    *("autocommit", "time_zone", "sql_mode", "init_command", "use_unicode", "charset", "collation"),
    *("converter_class", "converter_str_fallback", "buffered", "raw", "get_warnings", "raise_on_warnings"),
    *("consume_results", "read_timeout", "write_timeout", "allow_local_infile", "allow_local_infile_in_path"),
}

_ALIASES = {"username": "user", "passwd": "password", "db": "database", "connection_timeout": "connect_timeout"}

_FILES = ("option_files", "option_groups", "read_default_file")

# Names that `mysql.connector.connect` takes beside those that it gives to its connections.
_OF_CONNECT = POOL_ARGUMENTS | {*_FILES, "username", "failover"}

_SEVERAL_SERVERS = ("failover", "dns_srv")

_NO_DEFAULT: dict[str, Converter[Any]] = {
    **dict.fromkeys(("connect_timeout", "connection_timeout", "read_timeout", "write_timeout"), WHOLE_NUMBER),
    **dict.fromkeys(("pool_size",), WHOLE_NUMBER),
    **dict.fromkeys(("pool_reset_session",), TRUTH),
    **dict.fromkeys(("converter_class", "conn_attrs", "fido_callback"), KEYWORD_ONLY),
}

_LONGEST_POOL_NAME = 64


def names() -> frozenset[str]:
    """Return the names of all arguments that the installed version takes."""
    return _OF_CONNECT | DEFAULT_CONFIGURATION.keys()


def takes(name: str) -> bool:
    """Tell whether the installed version takes an argument."""
    return name in DEFAULT_CONFIGURATION


def from_files(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the option files say and nobody gave otherwise, and the driver's own default for the host.

    Raises the driver's errors for files that cannot be read, `AwsWrapperError` where several servers are named.
    """
    said = {"host": DEFAULT_CONFIGURATION["host"], **under_one_name(read_option_files(**_with_files(given)))}
    _refuse_several_servers(said)
    known = under_one_name(given)
    return {name: value for name, value in said.items() if name not in known}


def _with_files(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with one name for the files."""
    files = given.get("option_files") or given.get("read_default_file")
    others = {name: value for name, value in given.items() if name not in ("option_files", "read_default_file")}
    return {**others, "option_files": files} if files else others


def _refuse_several_servers(given: Mapping[str, Any]) -> None:
    for name in _SEVERAL_SERVERS:
        if given.get(name):
            raise AwsWrapperError(
                f"Parameter {name}: the driver learns the other hosts from the cluster itself. Leave it out and give "
                "one host, best the cluster endpoint."
            )


def for_connection(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that open a connection, each in its own type; there is always a limit for that.

    What the option files say is among them already.
    """
    limits = [int(given[name]) for name in ("connect_timeout", "connection_timeout") if name in given]
    arguments = {name: _typed(name, value) for name, value in under_one_name(given).items() if name not in _FILES}
    return {**arguments, "connect_timeout": min(limits, default=DEFAULT_SECONDS) or None}  # 0: no limit


def objection_to_token(arguments: Mapping[str, Any]) -> str | None:
    """Return which argument does not go with a token for a password, and what to do; None if none is in the way."""
    if arguments.get("ssl_disabled"):
        return (
            "ssl_disabled: a token is sent over TLS only. Leave it out, and best give ssl_ca, ssl_verify_cert=True and "
            "ssl_verify_identity=True."
        )
    for name in CNX_POOL_ARGS:
        if name in arguments:
            return (
                f"{name}: a pool of the driver's own would open connections with tokens that have expired. Leave it "
                "out, or have internal pools: see SqlAlchemyPooledConnectionProvider."
            )
    return None


def _typed(name: str, value: Any) -> Any:
    return TYPED[name].read(value) if name in TYPED and isinstance(value, str) else value


def _converter(name: str) -> Converter[Any]:
    default = DEFAULT_CONFIGURATION.get(name)
    return _NO_DEFAULT.get(name, TRUTH if isinstance(default, bool) else WHOLE_NUMBER if default == 0 else TEXT)


TYPED: Mapping[str, Parameter[Any]] = MappingProxyType(
    {
        name: Parameter(name, _converter(name), None, "driver", "An argument of the driver's.")
        for name in names()
        if _converter(name) is not TEXT
    }
)
"""How arguments are read that are given as text, and taken otherwise."""


def under_one_name(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with one name for each; what was given under that name itself wins."""
    own = {name: value for name, value in given.items() if name not in _ALIASES}
    return {**{_ALIASES[name]: value for name, value in given.items() if name in _ALIASES}, **own}


def pool_name(wanted: str, host: str, port: int, user: str | None) -> str:
    """Return the name of a pool for one host and user.

    The driver knows pools by name only, and would lend connections to another host, or of another user.
    """
    mark = hashlib.sha256(f"{user}@{host}:{port}".encode()).hexdigest()[:12]
    return f"{wanted[: _LONGEST_POOL_NAME - len(mark) - 1]}-{mark}"
