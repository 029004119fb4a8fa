"""Which dialect a database speaks: named by the user, or found by asking the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.database import mysql, postgresql

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.database.dialect import Ask, Dialect

_OF_ENGINE = {"mysql": mysql.DIALECTS, "postgresql": postgresql.DIALECTS}
DIALECTS: dict[str, Dialect] = {dialect.code: dialect for dialects in _OF_ENGINE.values() for dialect in dialects}

_ALIASES = {
    "rds-multi-az-pg-cluster": "multi-az-pg",
    "rds-multi-az-mysql-cluster": "multi-az-mysql",
    "mariadb": "mysql",
}

# Engine -> how its servers are told apart, and what fits any of them.
_DETECTION = {
    "mysql": (mysql.detect, mysql.MYSQL),
    "postgresql": (postgresql.detect, postgresql.PG),
}


def named(code: str, engine: str) -> Dialect:
    """Return the dialect that `wrapper_dialect` names, in any case and with dashes or underscores.

    Raises AwsWrapperError for a code that is unknown, or another engine's.
    """
    folded = code.strip().lower().replace("_", "-")
    folded = _ALIASES.get(folded, folded)
    fitting = {dialect.code: dialect for dialect in _OF_ENGINE[engine]}
    if folded not in fitting:
        raise unknown(f"database dialect of {engine}", code, fitting)
    return fitting[folded]


async def detect(engine: str, ask: Ask) -> Dialect:
    """Ask a server which deployment it is."""
    ask_server, _ = _DETECTION[engine]
    return await ask_server(ask)


def any_server(engine: str) -> Dialect:
    """Return the dialect of a server that is nothing but one of its engine."""
    return _DETECTION[engine][1]
