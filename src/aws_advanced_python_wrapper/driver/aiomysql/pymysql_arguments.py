"""The connection arguments of PyMySQL and aiomysql."""

from __future__ import annotations

import configparser
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiomysql

from aws_advanced_python_wrapper.converters import KEYWORD_ONLY, TRUTH, WHOLE_NUMBER, Converter, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

# What `read_default_file` may say -> the name of the argument.
_IN_FILE = {
    **{name: name for name in ("host", "port", "user", "password")},
    "database": "db",
    "socket": "unix_socket",
    "default-character-set": "charset",
}

_FILES = frozenset({"read_default_file", "read_default_group"})


def _described(name: str, converter: Converter[Any]) -> Parameter[Any]:
    return Parameter(name, converter, None, "driver", "An argument of the driver's.")


TYPED = {
    name: _described(name, converter)
    for group, converter in (
        (("autocommit", "echo", "local_infile", "use_unicode"), TRUTH),
        (("client_flag",), WHOLE_NUMBER),
        (("ssl", "conv", "cursorclass"), KEYWORD_ONLY),
    )
    for name in group
}
"""How arguments are read that are given as text, and taken otherwise."""

_CONNECT_TIMEOUT = 10  # s; as PyMySQL and MySQL Connector/Python have it

_DEFAULT_HOST = "localhost"  # both drivers'


def names() -> frozenset[str]:
    """Return the names of aiomysql's arguments, but for the loop, which is the one that runs."""
    return frozenset({*inspect.signature(aiomysql.connect).parameters} - {"loop"})


def from_files(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file says and nobody gave otherwise, and the drivers' own default for the host.

    Where both say something the drivers would heed the file, but for the host that would be in the way of failovers.
    """
    said = {"host": _DEFAULT_HOST, **_said_in_file(given)}
    return {name: value for name, value in said.items() if name not in given}


def _said_in_file(given: Mapping[str, Any]) -> dict[str, Any]:
    file = given.get("read_default_file")
    if not file:
        return {}
    parser = configparser.RawConfigParser(allow_no_value=True)
    parser.read(Path(file).expanduser())
    group = given.get("read_default_group") or "client"
    said = dict(parser.items(group)) if parser.has_section(group) else {}
    return {_IN_FILE[name]: value for name, value in said.items() if name in _IN_FILE and value is not None}


def for_connection(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return aiomysql's arguments for a connection; what the file says is among them already."""
    arguments = {name: value for name, value in given.items() if name not in _FILES}
    seconds = arguments.get("connect_timeout")
    return {**arguments, "connect_timeout": _CONNECT_TIMEOUT if seconds is None else seconds or None}  # 0: no limit


def objection_to_token(arguments: Mapping[str, Any]) -> str | None:
    """Return what is missing where the password is a token; None if TLS is wanted."""
    if arguments.get("ssl") is None:
        return "ssl: a token is sent over TLS only. Give ssl=ssl.create_default_context(cafile=...)."
    return None
