"""The tests of session state of the blocking flavour, with asyncio connections."""

from cluster.test_session_state import *  # noqa: F403
