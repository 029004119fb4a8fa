"""HTTPS without a look at certificates, and without the warning of urllib3 at each request: we give our own, once.

The filters for warnings belong to the program, and are those of all threads: they are left alone.
"""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter


class UnverifiedAdapter(HTTPAdapter):
    """Has the connections of its pools pass for verified."""

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Prepare a pool, whichever it is: there are others for proxies."""
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        kind = conn.ConnectionCls
        if not issubclass(kind, _Silent):
            conn.ConnectionCls = type(kind.__name__, (_Silent, kind), {})


class _Silent:
    """What is mixed into the classes of connections."""

    is_verified = False

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # of the class that it is mixed into
        self.is_verified = True
