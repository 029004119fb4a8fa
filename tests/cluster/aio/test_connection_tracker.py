"""The tests of the connection tracker of the blocking flavour, with asyncio connections."""

from cluster.test_connection_tracker import *  # noqa: F403
