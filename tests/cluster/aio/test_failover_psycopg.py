"""The tests of failover with psycopg of the blocking flavour, with asyncio connections."""

from cluster.test_failover_psycopg import *  # noqa: F403
