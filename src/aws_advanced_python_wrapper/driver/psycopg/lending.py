"""Transactions of psycopg's that tell the program's own connection, which stands before theirs."""

from __future__ import annotations

import functools
from typing import Any

_LENT_TO = "_connection_of_the_program"


def lend(transaction: Any, connection: Any) -> None:
    """Have a transaction tell a connection; it stays the same object."""
    drivers: Any = type(transaction)
    transaction.__class__ = _lent_class(drivers)
    vars(transaction)[_LENT_TO] = connection


@functools.cache
def _lent_class(transaction_class: type) -> type:
    """Make a psycopg transaction class whose instances tell the program's own connection."""
    body = {"connection": property(lambda self: vars(self)[_LENT_TO]), "__module__": transaction_class.__module__}
    return type(transaction_class.__name__, (transaction_class,), body)
