"""The asyncio flavour of the same tests."""

from cluster.test_methods_by_socket_timeout import *  # noqa: F403 - collected here
