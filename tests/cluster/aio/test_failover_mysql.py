"""The failover tests that only MySQL has, of the blocking flavour, with asyncio connections."""

from cluster.test_failover_mysql import *  # noqa: F403
