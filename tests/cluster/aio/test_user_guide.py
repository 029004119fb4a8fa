"""The walk through the user guide, with asyncio connections."""

from cluster.test_user_guide import *  # noqa: F403
