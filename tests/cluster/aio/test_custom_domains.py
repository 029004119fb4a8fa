"""The tests of custom domains of the blocking flavour, with asyncio connections."""

from cluster.test_custom_domains import *  # noqa: F403
