"""The tests of host monitoring of the blocking flavour, with asyncio connections."""

from cluster.test_host_monitoring import *  # noqa: F403
