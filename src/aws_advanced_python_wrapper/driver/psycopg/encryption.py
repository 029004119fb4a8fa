"""How libpq is had to encrypt a connection or to open none: a token is told to the server as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS
from aws_advanced_python_wrapper.driver.psycopg.libpq_defaults import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

# With the other modes libpq goes on unencrypted where the server does not offer TLS.
_WEAK: Final = ("", "disable", "allow", "prefer")

_SOURCES: Final = ("sslmode", "sslrootcert", "service", "servicefile")


def objection(given: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the arguments, and what to do; None if TLS may be used."""
    if given.get("sslmode") == "disable":
        return "sslmode=disable: a token is sent over TLS only. Give sslmode=verify-full with sslrootcert, or require."
    if given.get("gssencmode") == "require":
        return "gssencmode=require: a token is sent over TLS only, which excludes it. Leave gssencmode out."
    if str(given.get("host", "")).startswith(("/", "@")) and not given.get("hostaddr"):
        return "host: a token is sent over TLS only, which a Unix socket has not. Give the name of the instance."
    return None


def required(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for libpq, which have it use TLS, and check as much of it as was wanted anyway.

    That may have been said by environment variables and services too.
    """
    wanted = str(given.get("sslmode") or merged(given, _SOURCES, "target_session_attrs").get("sslmode", ""))
    others = {name: value for name, value in given.items() if name != ONLY_OVER_TLS}
    return {**others, "sslmode": "require" if wanted in _WEAK else wanted, "gssencmode": "disable"}
