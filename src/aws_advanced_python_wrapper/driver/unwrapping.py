"""What a connect function has opened, when tools that watch programs have put functions and objects around all that."""

from __future__ import annotations

from typing import Any

from aws_advanced_python_wrapper.errors import AwsWrapperError

_MOST = 16  # objects around each other; one that has an answer to every name would go on for ever
_INNER = ("__wrapped__", "_wrapped")  # of wrapt's proxies, and of the objects of MySQL Connector/Python's own tracing


def drivers_own(opened: Any, classes: tuple[type, ...], driver: str) -> Any:
    """Return the driver's connection, of one of the classes, itself or from within such objects.

    They hand on what they do not know, the class that `isinstance` looks at too, so the type counts. Raises
    `AwsWrapperError` for anything else.
    """
    own = opened
    for _ in range(_MOST):
        if issubclass(type(own), classes):
            return own
        own = next((inner for name in _INNER if (inner := getattr(own, name, None)) is not None), None)
    raise AwsWrapperError(
        f"the connect function returned something of type {type(opened).__name__}, which is no connection of "
        f"{driver}. Give the driver's own function, or one that returns what it returns"
    )
