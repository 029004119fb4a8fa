"""The connection arguments of psycopg."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from psycopg import pq

from aws_advanced_python_wrapper.converters import KEYWORD_ONLY, TRUTH, WHOLE_NUMBER, Parameter, optional

if TYPE_CHECKING:
    from collections.abc import Mapping

_AUTOCOMMIT: Parameter[bool] = Parameter("autocommit", TRUTH, False, "driver", "Whether there are no transactions.")
_PREPARE_THRESHOLD: Parameter[int | None] = Parameter(
    "prepare_threshold", optional(WHOLE_NUMBER), 5, "driver", "Executions before a statement is prepared.", minimum=0
)
_OBJECTS = ("context", "cursor_factory", "row_factory", "server_cursor_factory")

# Keyword arguments of psycopg.Connection.connect that are psycopg's own, not libpq's: it would hold "false" for true.
TYPED: Mapping[str, Parameter[Any]] = MappingProxyType(
    {
        "autocommit": _AUTOCOMMIT,
        "prepare_threshold": _PREPARE_THRESHOLD,
        **{name: Parameter(name, KEYWORD_ONLY, None, "driver", "An object of the driver's.") for name in _OBJECTS},
    }
)


@functools.cache
def names() -> frozenset[str]:
    """Return psycopg's own arguments and every connection parameter of the libpq in use."""
    return frozenset(TYPED) | {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
