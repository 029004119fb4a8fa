"""The tests of bad input of the blocking flavour, with asyncio connections."""

from cluster.test_bad_input import *  # noqa: F403
