"""The tests of tokens of the blocking flavour, with asyncio connections."""

from cluster.test_tokens_by_driver import *  # noqa: F403
