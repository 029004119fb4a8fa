"""Which dialect a database speaks: named by the user, or found by asking the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, PG, RDS_PG

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.database.dialect import Ask, Dialect

DIALECTS: dict[str, Dialect] = {dialect.code: dialect for dialect in (PG, RDS_PG, AURORA_PG)}

# Driver code -> dialects in the order they are tried; the last one fits any server of the engine.
_CANDIDATES = {"psycopg": (AURORA_PG, RDS_PG, PG)}


def named(code: str) -> Dialect:
    """Return the dialect that `wrapper_dialect` names; raises AwsWrapperError for an unknown code."""
    if code not in DIALECTS:
        raise unknown("database dialect", code, DIALECTS)
    return DIALECTS[code]


async def detect(driver_code: str, ask: Ask) -> Dialect:
    """Ask a server which deployment it is, most particular first."""
    candidates = _CANDIDATES[driver_code]
    for dialect in candidates:
        if dialect.probe_sql is None or await _is_true(ask, dialect.probe_sql):
            return dialect
    return candidates[-1]


async def _is_true(ask: Ask, sql: str) -> bool:
    rows = await ask(sql)
    return bool(rows) and rows[0][0] == "t"
