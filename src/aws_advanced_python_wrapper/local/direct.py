"""Connections to the servers themselves, past the proxies, with psycopg or PyMySQL."""

from __future__ import annotations

from typing import Any, Literal

EngineName = Literal["postgresql", "mysql"]


def connect(engine: EngineName, parameters: dict[str, Any], database: str) -> Any:
    """Return a connection in autocommit mode; `parameters` are what `Node.parameters` tells."""
    if engine == "mysql":
        import pymysql  # noqa: PLC0415  # only those who call this need it

        return pymysql.connect(**parameters, database=database, autocommit=True)
    import psycopg  # noqa: PLC0415

    return psycopg.connect(**{**parameters, "dbname": database}, autocommit=True)


def change_password(engine: EngineName, cursor: Any, user: str, password: str) -> None:
    """Give a user of the database a new password."""
    if engine == "mysql":
        cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (user, password))
        return
    from psycopg import sql  # noqa: PLC0415

    statement = sql.SQL("ALTER USER {} PASSWORD {}")
    cursor.execute(statement.format(sql.Identifier(user), sql.Literal(password)))
