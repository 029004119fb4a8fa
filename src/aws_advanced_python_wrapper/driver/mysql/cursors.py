"""Whose a cursor is: the drivers' own forget it when they are closed, or keep no connection alive."""

from __future__ import annotations

from typing import Any

_CONNECTION = "_opened_on"


def note_connection(cursor: Any, connection: Any) -> None:
    """Have a cursor keep the connection that it was opened on."""
    vars(cursor)[_CONNECTION] = connection


def noted_connection(cursor: Any) -> Any:
    """Return the connection; None where the driver has made the cursor for itself."""
    return vars(cursor).get(_CONNECTION)
