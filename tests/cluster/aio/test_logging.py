"""The tests of the log of the blocking flavour, with asyncio connections."""

from cluster.test_logging import *  # noqa: F403
