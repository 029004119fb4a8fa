"""The tests of secrets of the blocking flavour, with asyncio connections."""

from cluster.test_secrets_manager import *  # noqa: F403
