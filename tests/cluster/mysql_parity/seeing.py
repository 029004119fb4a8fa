"""What the scenarios share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mysql.connector

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = mysql.connector.version.VERSION

TWO_ROWS = "SELECT 1 AS a, 'x' AS b, CAST(1.5 AS DECIMAL(4,2)) AS c UNION SELECT 2, NULL, 3"


def seen(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or how it fails."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return type(error).__name__, getattr(error, "errno", None), getattr(error, "sqlstate", None), str(error)


def rows(connection: Any, query: str, *parameters: Any, **kind: Any) -> list[Any]:
    """Run a query on a cursor of that kind and return all its rows."""
    with connection.cursor(**kind) as cursor:
        cursor.execute(query, parameters)
        found: list[Any] = cursor.fetchall()
        return found
