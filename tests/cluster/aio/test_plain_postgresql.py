"""The tests of plain PostgreSQL of the blocking flavour, with asyncio connections."""

from cluster.test_plain_postgresql import *  # noqa: F403

del test_no_thread_is_started_for_a_topology  # noqa: F821 - psycopg itself resolves names in a thread of the loop
