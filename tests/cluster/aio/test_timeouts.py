"""The timeout tests of the blocking flavour, with asyncio connections."""

from cluster.test_timeouts import *  # noqa: F403
