"""Where libpq connects when it is not told: environment variables such as PGHOST, and services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDPOINT: Final = ("host", "hostaddr", "port", "user")
_SOURCES: Final = (*_ENDPOINT, "service", "servicefile")

# libpq merges all its sources first, then checks the values. This one is refused, so that nothing is connected;
# with a password at hand, no password file is read before that.
_REFUSED: Final = {"sslmode": "refused", "password": "none"}


def endpoint_of_environment(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the host, address, port and user that libpq would use, as far as there are any.

    Raises `psycopg.OperationalError` for a service that is not defined.
    """
    sources = {name: value for name, value in given.items() if name in _SOURCES}
    conninfo = make_conninfo("", **sources, **_REFUSED)
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    merged = {option.keyword.decode(): option.val.decode() for option in pgconn.info if option.val}
    if "sslmode" not in merged:
        raise psycopg.OperationalError(f"connection is bad: {pgconn.error_message.decode(errors='replace').strip()}")
    return {name: merged[name] for name in _ENDPOINT if name in merged}
