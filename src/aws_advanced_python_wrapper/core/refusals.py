"""What it means that a server does not let a user in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.driver.contract import ErrorKind

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.database.dialect import Dialect
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter


def classify_opening(adapter: DriverAdapter, dialect: Dialect | None, error: BaseException) -> ErrorKind:
    """Tell what an error means that was raised while a connection was being opened.

    Where servers that are about to restart turn users away, only a wrong password is a refusal for good.
    """
    kind = adapter.classify(error)
    if kind is not ErrorKind.LOGIN or dialect is None or not dialect.turns_users_away:
        return kind
    return ErrorKind.LOGIN if adapter.is_wrong_password(error) else ErrorKind.NETWORK
