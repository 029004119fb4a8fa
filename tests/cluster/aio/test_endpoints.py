"""The tests of endpoints of the blocking flavour, with asyncio connections."""

from cluster.test_endpoints import *  # noqa: F403
