"""The tests of read/write splitting of the blocking flavour, with asyncio connections."""

from cluster.test_read_write_splitting import *  # noqa: F403
