"""The tests of cancelling of the blocking flavour, with asyncio connections."""

from cluster.test_cancelling import (  # noqa: F401 - collected here
    test_a_connection_that_another_one_kills_fails_over,
    test_a_statement_that_another_connection_kills_is_no_reason_to_fail_over,
)
