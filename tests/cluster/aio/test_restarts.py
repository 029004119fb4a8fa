"""The tests of restarts of the blocking flavour, with asyncio connections."""

from cluster.test_restarts import *  # noqa: F403
