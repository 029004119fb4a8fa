"""The tests of connections that a program opens again, with asyncio connections."""

from cluster.test_mysql_reopening import *  # noqa: F403
