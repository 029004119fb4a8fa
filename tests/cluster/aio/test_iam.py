"""The tests of IAM tokens of the blocking flavour, with asyncio connections."""

from cluster.test_iam import *  # noqa: F403
