"""libpq connection strings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = re.compile(r"[^\s'\\]+")


def make(parameters: Mapping[str, object]) -> str:
    """Return the parameters as a connection string; those that are None are left out."""
    return " ".join(f"{key}={quote(str(value))}" for key, value in parameters.items() if value is not None)


def quote(value: str) -> str:
    """Quote a value where libpq needs it."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
