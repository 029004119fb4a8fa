"""The tests of silent logins of the blocking flavour, with asyncio connections."""

from cluster.test_silent_logins import *  # noqa: F403
