"""The asyncio flavour of the same tests."""

from cluster.test_methods_by_faults import *  # noqa: F403 - collected here
