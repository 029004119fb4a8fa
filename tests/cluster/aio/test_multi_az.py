"""The tests of Multi-AZ DB clusters of the blocking flavour, with asyncio connections."""

from cluster.test_multi_az import *  # noqa: F403
