"""The scenarios of `cluster.test_own_sql` in the asyncio flavour."""

from cluster.test_own_sql import *  # noqa: F403
