"""Tests of psycopg's suite that cannot end through this driver as they end on psycopg, each with the reason."""

from __future__ import annotations

DIFFERENCES = {
    "tests/test_connection.py::test_connect_badargs": "parameters are checked by this driver, with its own error",
    "tests/test_connection_async.py::test_connect_badargs": "parameters are checked by this driver, with its own error",
    "tests/test_connection.py::test_connect_args": "without a host there is nothing to fail over from: it is required",
    "tests/test_connection_async.py::test_connect_args": "without a host there is nothing to fail over from",
    "tests/pool/test_pool.py::test_fail_rollback_close": "replaces a method on the connection object",
    "tests/pool/test_pool_async.py::test_fail_rollback_close": "replaces a method on the connection object",
    "tests/test_cursor_common.py::test_query_parse_cache_size": "looks at the cursor's exact class",
    "tests/test_cursor_common_async.py::test_query_parse_cache_size": "looks at the cursor's exact class",
}
"""Node id, without its parameters, or the beginning of some -> reason."""


def reason_for(node: str) -> str | None:
    """Return why a test is known to differ; None where it is not."""
    test = node.partition("[")[0]
    return next((reason for known, reason in DIFFERENCES.items() if test == known), None)
