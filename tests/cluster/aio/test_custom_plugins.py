"""The tests of plugins of a program's own of the blocking flavour, with asyncio connections."""

from cluster.test_custom_plugins import *  # noqa: F403
