"""The connection arguments of PyMySQL and aiomysql."""

from __future__ import annotations

import configparser
import inspect
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiomysql

from aws_advanced_python_wrapper.converters import KEYWORD_ONLY, TRUTH, WHOLE_NUMBER, Converter, Parameter
from aws_advanced_python_wrapper.driver.mysql.time_limit import DEFAULT_SECONDS
from aws_advanced_python_wrapper.errors import AwsWrapperError

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
    """Return aiomysql's arguments for a connection; what the file says is among them already.

    Raises `AwsWrapperError` for what does not tell whether there is to be TLS.
    """
    arguments = {name: value for name, value in given.items() if name not in _FILES}
    if (context := _context(arguments.pop("ssl", None))) is not None:
        arguments["ssl"] = context
    seconds = arguments.get("connect_timeout")
    return {**arguments, "connect_timeout": DEFAULT_SECONDS if seconds is None else seconds or None}  # 0: no limit


def _context(wanted: object) -> ssl.SSLContext | None:
    """Return what asyncio makes of the argument, for what knows nothing of asyncio; None: no TLS."""
    if wanted is None or wanted is False:
        return None
    if isinstance(wanted, ssl.SSLContext):
        return wanted
    if wanted is not True:
        raise AwsWrapperError(
            f"Parameter ssl: an object of the class {type(wanted).__name__} is not accepted, give an ssl.SSLContext, "
            "or True for ssl.create_default_context()."
        )
    paths = ssl.get_default_verify_paths()
    places = [Path(place) for place in (paths.cafile, paths.capath) if place]
    return _default_context(tuple((place, place.stat().st_mtime_ns) for place in places))


@lru_cache(maxsize=8)
def _default_context(authorities: tuple[tuple[Path, int], ...]) -> ssl.SSLContext:
    """Make one for all connections: loading certificates holds the loop up, and pools compare it."""
    del authorities
    return ssl.create_default_context()


def objection_to_token(arguments: Mapping[str, Any]) -> str | None:
    """Return what is missing where the password is a token; None if TLS is wanted."""
    if not isinstance(arguments.get("ssl"), ssl.SSLContext):
        return "ssl: a token is sent over TLS only. Give ssl=ssl.create_default_context(cafile=...)."
    return None
