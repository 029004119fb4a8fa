"""The tests of plain databases of the blocking flavour, with asyncio connections."""

from cluster.test_plain_databases import *  # noqa: F403

del test_no_thread_is_started_for_a_topology  # noqa: F821 - names are resolved in a thread of the loop
