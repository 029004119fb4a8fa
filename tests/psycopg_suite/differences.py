"""Tests of psycopg's suite that cannot end through this driver as they end on psycopg, each with the reason."""

from __future__ import annotations

_HOST = "without a host there is nothing to fail over from: it is required"
_EXACT_CLASS = "compares type(cursor), where isinstance would hold"

DIFFERENCES = {
    "test_connect_args": _HOST,
    "test_connect_bad": _HOST,
    "test_connect_badargs": "parameters are checked by this driver, with its own error",
    "test_resolve_hostaddr_conn": "the port is always given to psycopg",
    "test_cursor_factory_connect": _EXACT_CLASS,
    "test_default_cursor": _EXACT_CLASS,
    "test_from_cursor_factory": _EXACT_CLASS,
    "test_query_parse_cache_size": "looks at the cursor's exact class",
    "test_fail_rollback_close": "replaces a method on the connection object",
}
"""Name of a test, the same in both flavours -> reason."""


def reason_for(node: str) -> str | None:
    """Return why a test is known to differ; None where it is not."""
    test = node.partition("[")[0].rpartition("::")[2]
    return DIFFERENCES.get(test)
