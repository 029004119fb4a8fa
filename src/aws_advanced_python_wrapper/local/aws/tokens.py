"""IAM tokens, which are requests to connect, signed and never sent: checked as RDS checks them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aws_advanced_python_wrapper.local.aws.keys import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aws_advanced_python_wrapper.local.aws.keys import KeyRing

_SERVICE = "rds-db"
_LONGEST_LIFE = 900  # s
_PATIENCE_WITH_CLOCKS = 300  # s that the signer's clock may be ahead
_FIXED = {"Action": "connect", "X-Amz-Algorithm": ALGORITHM, "X-Amz-SignedHeaders": "host"}
_NEEDED = {*_FIXED, "DBUser", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"}
_NO_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Access:
    """What a client wants to have access to; `hosts` are the names it may know the instance by, in lower case."""

    hosts: Collection[str]
    port: int
    user: str
    region: str


def refusal(token: str, access: Access, keys: KeyRing, now: float) -> str | None:
    """Return why a token does not give access at the time `now` (Unix time), without its text; None if it does.

    That costs less than the TLS handshake before it, so nothing is remembered.
    """
    try:
        read = _Token.parse(token)
        return read.misfit(access) or read.untimeliness(now) or read.forgery(keys, now)
    except ValueError:
        return "it has not the form of a token"


@dataclass(frozen=True, slots=True)
class _Token:
    """`values` are those of the query, `signer` and `scope` what the credential says: who, and what for."""

    address: str
    query: str
    values: Mapping[str, str]
    signer: str
    scope: str

    @classmethod
    def parse(cls, text: str) -> _Token:
        address, _, query = text.partition("/?")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        values = dict(pairs)
        if len(values) != len(pairs) or not values.keys() >= _NEEDED:
            raise ValueError("values are missing, or there twice")
        signer, _, scope = values["X-Amz-Credential"].partition("/")
        return cls(address.lower(), query, values, signer, scope)

    def misfit(self, access: Access) -> str | None:
        """Tell in what the token is for something else."""
        values, (host, _, port) = self.values, self.address.rpartition(":")
        if any(values[name] != value for name, value in _FIXED.items()):
            return "it is no request to connect, signed by the known algorithm"
        if host not in access.hosts:
            return f"it is for another host, {host!r}"
        if port != str(access.port):
            return f"it is for another port, {port!r}"
        if values["DBUser"] != access.user:
            return f"it is for another user, {values['DBUser']!r}"
        scope = f"{values['X-Amz-Date'][:8]}/{access.region}/{_SERVICE}/aws4_request"
        return None if self.scope == scope else f"it is for {self.scope!r}, not {scope!r}"

    def untimeliness(self, now: float) -> str | None:
        """Tell why the token does not count yet, or no more."""
        signed = datetime.strptime(self.values["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
        life = int(self.values["X-Amz-Expires"])
        if not 0 < life <= _LONGEST_LIFE:
            return f"it is to live for {life} s, and none lives longer than {_LONGEST_LIFE} s"
        if now >= signed + life:
            return f"it expired {now - signed - life:.0f} s ago"
        return f"it is signed {signed - now:.0f} s ahead of time" if signed > now + _PATIENCE_WITH_CLOCKS else None

    def forgery(self, keys: KeyRing, now: float) -> str | None:
        """Tell what is wrong with the signature, or the key that has made it."""
        key = keys.find(self.signer)
        if key is None:
            return f"it is signed with a key that is not known, {self.signer!r}"
        if now >= key.expires_at:
            return "it is signed with a key that has expired"
        if not _same(self.values.get("X-Amz-Security-Token", ""), key.session_token or ""):
            return "its session token is not that of its key"
        signature = key.signature(self.values["X-Amz-Date"], self.scope, self._request())
        return None if _same(self.values["X-Amz-Signature"], signature) else "its signature is wrong"

    def _request(self) -> str:
        query = "&".join(sorted(one for one in self.query.split("&") if not one.startswith("X-Amz-Signature=")))
        host = self.address.removesuffix(":443")  # where it is the scheme's own, a port is not signed
        return f"GET\n/\n{query}\nhost:{host}\n\nhost\n{_NO_BODY}"


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
