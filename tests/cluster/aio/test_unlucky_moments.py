"""The tests of unlucky moments of the blocking flavour, with asyncio connections."""

from cluster.test_unlucky_moments import *  # noqa: F403
