"""The tests of the state of MySQL sessions of the blocking flavour, with asyncio connections."""

from __future__ import annotations

from cluster.test_mysql_session_state import *  # noqa: F403
