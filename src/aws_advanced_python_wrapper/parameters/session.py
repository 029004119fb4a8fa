"""What becomes of a session's settings."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import TRUTH, Parameter

TRANSFER_SESSION_STATE_ON_SWITCH: Final[Parameter[bool]] = Parameter(
    "transfer_session_state_on_switch",
    TRUTH,
    True,
    "session",
    "Carry the session's settings over to the new connection.",
)

ROLLBACK_ON_SWITCH: Final[Parameter[bool]] = Parameter(
    "rollback_on_switch", TRUTH, True, "session", "Roll back an open transaction before leaving a connection."
)

RESET_SESSION_STATE_ON_CLOSE: Final[Parameter[bool]] = Parameter(
    "reset_session_state_on_close",
    TRUTH,
    True,
    "session",
    "Set the session's settings back before the connection is closed.",
)
