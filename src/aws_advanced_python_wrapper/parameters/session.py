"""What becomes of a session's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_advanced_python_wrapper.converters import TRUTH, Converter, Parameter, optional

if TYPE_CHECKING:
    from collections.abc import Callable


def _function(value: Any) -> Callable[[Any], Any]:
    if not callable(value):
        raise ValueError  # noqa: TRY004 - one kind of error for every value refused
    function: Callable[[Any], Any] = value
    return function


_FUNCTION = Converter("a function that takes the driver's connection, as a keyword argument", _function)

TRANSFER_SESSION_STATE_ON_SWITCH: Final[Parameter[bool]] = Parameter(
    "transfer_session_state_on_switch",
    TRUTH,
    True,
    "session",
    "Give a connection that replaces another one what the program has set on that.",
)

ROLLBACK_ON_SWITCH: Final[Parameter[bool]] = Parameter(
    "rollback_on_switch",
    TRUTH,
    True,
    "session",
    "Roll back an open transaction when the program goes on with another connection; false: refuse to go on.",
)

RESET_SESSION_STATE_ON_CLOSE: Final[Parameter[bool]] = Parameter(
    "reset_session_state_on_close",
    TRUTH,
    True,
    "session",
    "Take back what the program has set before its connection returns to an internal pool.",
)

ON_SWITCH: Final[Parameter[Callable[[Any], Any] | None]] = Parameter(
    "on_switch",
    optional(_FUNCTION),
    None,
    "session",
    "Called with the driver's own connection whenever that replaces another one, to set what this driver does not.",
)
