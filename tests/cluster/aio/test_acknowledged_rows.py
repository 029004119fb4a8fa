"""The tests of acknowledged rows of the blocking flavour, with asyncio connections."""

from cluster.test_acknowledged_rows import *  # noqa: F403
