"""The tests of watched connections of the blocking flavour, with asyncio connections."""

from cluster.test_watched_connections import *  # noqa: F403
