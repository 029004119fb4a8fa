"""The driver's own SQL names the schema of all that it uses: what a search_path has in front cannot mislead it.

MySQL looks for tables in the program's database, and knows its own functions before all others.
"""

from __future__ import annotations

import re

import psycopg
import pytest

from aws_advanced_python_wrapper.database import mysql, postgresql
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter

# Taken out first: literals and quoted names, what is qualified, names that the query itself gives.
HARMLESS = re.compile(
    r"""'(?:[^']|'')*'|"[^"]*"|OPERATOR\(pg_catalog\.[^)]+\)|\b(?:pg_catalog|rds_tools)\.\w+\(?|\bAS\s+\w+\(?|\bRESET\s+\w+"""
)
UNQUALIFIED = re.compile(
    r"\b(?!(?:SELECT|FROM|EXISTS|COALESCE)\b)\w+\s*\(|\b(?:FROM|JOIN)\s+\w+|::|[-+*/<>=~!@#%^&|`?]+|\bLIKE\b|\bIN\b"
)


def unqualified(sql: str) -> list[str]:
    return UNQUALIFIED.findall(HARMLESS.sub(";", sql))


def own_sql() -> dict[str, str]:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    raw = psycopg.Connection(psycopg.pq.PGconn.connect_start(b"host=/nowhere"))
    queries = {"traits": postgresql.TRAITS_SQL, "source": postgresql.SOURCE_SQL}
    for dialect in postgresql.DIALECTS:
        queries[f"identity of {dialect.code}"] = dialect.identity_sql or "SELECT 1"
        queries[f"members of {dialect.code}"] = dialect.members_sql or "SELECT 1"
    state = {"schema": ("now()", "b"), "role": "x = y"}
    (queries["session state"],) = adapter.session_queries(raw, state, rollback=True)
    (queries["session reset"],) = adapter.session_queries(raw, {"schema": None, "role": None})
    raw.close()
    return queries


@pytest.mark.parametrize("what", own_sql())
def test_functions_operators_and_tables_are_qualified(what: str) -> None:
    assert unqualified(own_sql()[what]) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT now()",
        "SELECT a = b",
        "SELECT 1 FROM pg_settings",
        "SELECT a::text",
        "SELECT a LIKE 'b'",
        "SELECT a FROM pg_catalog.b AS c JOIN d ON true",
        "SELECT a OPERATOR(evil.=) b",
    ],
)
def test_what_is_not_qualified_would_be_found(sql: str) -> None:
    assert unqualified(sql)


MYSQL_HARMLESS = re.compile(r"'[^']*'|@@\w+")
MYSQL_TABLE = re.compile(r"\b(?:FROM|JOIN)\s+([\w.]+)")
MYSQL_FUNCTION = re.compile(r"\b(\w+)\(")
# All of them are MySQL's own. A database's function of that name is only called by its full name.
BUILT_IN = {"COALESCE", "COUNT", "IF", "MAX", "SUBSTRING_INDEX", "UNIX_TIMESTAMP"}


def unqualified_in_mysql(sql: str) -> set[str]:
    text = MYSQL_HARMLESS.sub(";", sql)
    tables = {name for name in MYSQL_TABLE.findall(text) if not name.startswith(("information_schema.", "mysql."))}
    return tables | {name for name in MYSQL_FUNCTION.findall(text) if name not in BUILT_IN}


@pytest.mark.parametrize(
    "sql",
    [mysql.TRAITS_SQL, mysql.TOPOLOGY_SQL]
    + [sql for dialect in mysql.DIALECTS for sql in (dialect.identity_sql, dialect.members_sql) if sql],
)
def test_tables_of_mysql_are_qualified_and_functions_built_in(sql: str) -> None:
    assert not unqualified_in_mysql(sql)
    assert '"' not in sql, "with ANSI_QUOTES that would be a name"
    assert not re.search(r"\|\||\bNOT\b|\\\\", sql), "what these mean is up to sql_mode"


@pytest.mark.parametrize("sql", ["SELECT id FROM rds_topology", "SELECT is_writer(1)", "SELECT 1 FROM a.b JOIN c"])
def test_what_is_not_qualified_in_mysql_would_be_found(sql: str) -> None:
    assert unqualified_in_mysql(sql)
