"""TLS certificates of a local cluster, signed by an authority made for it alone."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The protocol name libpq insists on when it opens TLS without asking first (sslnegotiation=direct).
_ALPN = ["postgresql"]


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: `ca_file` is what a client passes as `sslrootcert`."""

    ca_file: Path
    _authority: trustme.CA = field(repr=False)

    @classmethod
    def create(cls, directory: Path) -> Authority:
        """Make a new authority and write its certificate to `directory`/ca.pem; its key stays in memory."""
        authority = trustme.CA(organization_name="aws-driver-local")
        ca_file = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        return cls(ca_file, authority)

    def server_context(self, names: Sequence[str]) -> ssl.SSLContext:
        """Return a server's TLS context whose certificate is for `names` (DNS, also wildcards, and IPs)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(_ALPN)
        self._authority.issue_cert(*names).configure_cert(context)
        return context
