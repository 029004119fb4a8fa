"""The tests of the monitor's connections of the blocking flavour, with asyncio connections."""

from cluster.test_monitor_credentials import *  # noqa: F403
