"""What the errors of MySQL servers and drivers mean for a connection; told by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.driver.adapter import ErrorKind


def classify(error: BaseException, *, connection_lost: bool) -> ErrorKind:
    """Tell what an error means for the connection it was raised on."""
    raise NotImplementedError(error, connection_lost)


def is_wrong_password(error: BaseException) -> bool:
    """Tell, of an error that was classified as LOGIN, whether the server has refused the password."""
    raise NotImplementedError(error)
