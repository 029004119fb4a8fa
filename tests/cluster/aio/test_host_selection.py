"""The tests of host selection of the blocking flavour, with asyncio connections."""

from cluster.test_host_selection import *  # noqa: F403
