"""The tests of stale DNS of the blocking flavour, with asyncio connections."""

from cluster.test_stale_dns import *  # noqa: F403
