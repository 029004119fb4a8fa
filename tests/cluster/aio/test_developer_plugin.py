"""The tests of the plugin `dev` of the blocking flavour, with asyncio connections."""

from cluster.test_developer_plugin import *  # noqa: F403
