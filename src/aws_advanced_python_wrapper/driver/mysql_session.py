"""The state of MySQL sessions: what is noted on the client's side, and how another connection gets it."""

from __future__ import annotations

from aws_advanced_python_wrapper.driver.session_state import SessionStateAccess


class MysqlSession(SessionStateAccess):
    """The part of the adapters for MySQL that deals with session state."""
