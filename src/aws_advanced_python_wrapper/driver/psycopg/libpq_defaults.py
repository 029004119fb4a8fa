"""Where libpq connects when it is not told: environment variables such as PGHOST, and services."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ENDPOINT: Final = ("host", "hostaddr", "port", "user")
_SOURCES: Final = (*_ENDPOINT, "service", "servicefile")


def merged(given: Mapping[str, Any], names: Collection[str], refused: str) -> dict[str, str]:
    """Return what libpq makes of arguments, those of these `names`, with its environment and services.

    `refused` is an option of which the answer tells nothing. Raises `psycopg.OperationalError` for a service that is
    not defined.
    """
    # libpq merges all its sources first, then checks the values: one is refused, so that nothing is connected. With a
    # password at hand, no password file is read before that.
    sources = {name: value for name, value in given.items() if name in names}
    conninfo = make_conninfo("", **sources, **{refused: "refused", "password": "none"})
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    found = {option.keyword.decode(): option.val.decode() for option in pgconn.info if option.val}
    if refused not in found:
        raise psycopg.OperationalError(f"connection is bad: {pgconn.error_message.decode(errors='replace').strip()}")
    return found


def endpoint_of_environment(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the host, address, port and user that libpq would use, as far as there are any.

    Raises `psycopg.OperationalError` for a service that is not defined.
    """
    found = merged(given, _SOURCES, "sslmode")
    return {name: found[name] for name in _ENDPOINT if name in found}


def names_service(given: Mapping[str, Any]) -> bool:
    """Whether libpq is told a service."""
    return bool(given.get("service") or os.environ.get("PGSERVICE"))


def guesses_user(given: Mapping[str, Any]) -> bool:
    """Whether libpq would take the operating system's user; what a service says of the user is its own matter."""
    return not (given.get("user") or os.environ.get("PGUSER") or names_service(given))
