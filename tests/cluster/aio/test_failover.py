"""The failover tests of the blocking flavour, with asyncio connections."""

from cluster.test_failover import *  # noqa: F403
