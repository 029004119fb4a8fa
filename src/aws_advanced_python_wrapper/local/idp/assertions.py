"""The word of the identity providers: SAML responses, and the check of those that are presented to AWS."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timezone
from xml.sax.saxutils import escape

_REDEEMED_WITHIN = 300.0  # s, as AWS has it
_ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes"
_RESPONSE = """\
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" \
ID="_{response_id}" Version="2.0" IssueInstant="{issued}" Destination="https://signin.aws.amazon.com/saml">\
<saml:Issuer>{issuer}</saml:Issuer>\
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>\
<saml:Assertion ID="_{assertion_id}" Version="2.0" IssueInstant="{issued}">\
<saml:Issuer>{issuer}</saml:Issuer>\
<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{user}</saml:NameID>\
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">\
<saml:SubjectConfirmationData NotOnOrAfter="{expires}" Recipient="https://signin.aws.amazon.com/saml"/>\
</saml:SubjectConfirmation></saml:Subject>\
<saml:Conditions NotBefore="{issued}" NotOnOrAfter="{expires}"><saml:AudienceRestriction>\
<saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
<saml:AttributeStatement>\
<saml:Attribute Name="{attributes}/RoleSessionName"><saml:AttributeValue>{user}</saml:AttributeValue></saml:Attribute>\
<saml:Attribute Name="{attributes}/Role"><saml:AttributeValue>{role},{provider}</saml:AttributeValue></saml:Attribute>\
</saml:AttributeStatement></saml:Assertion></samlp:Response>"""


@dataclass(frozen=True, slots=True)
class _Issued:
    role: str
    provider: str
    redeemable_until: float


class Assertions:
    """Issues responses, and knows them again: in place of a signature it keeps their digests. For many threads."""

    def __init__(self) -> None:
        self.age = 0.0
        """The seconds that a new one is old already."""
        self._issued: dict[bytes, _Issued] = {}
        self._lock = threading.Lock()

    def issue(self, issuer: str, user: str, role: str, provider: str) -> str:
        """Return a response, in base64, which says that a user of `issuer` may assume a role."""
        now = time.time() - self.age
        names = {"issuer": issuer, "user": user, "role": role, "provider": provider, "attributes": _ATTRIBUTES}
        xml = _RESPONSE.format(
            response_id=secrets.token_hex(16),
            assertion_id=secrets.token_hex(16),
            issued=_instant(now),
            expires=_instant(now + _REDEEMED_WITHIN),
            **{name: escape(value) for name, value in names.items()},
        )
        response = b64encode(xml.encode()).decode()
        with self._lock:
            self._forget_the_old()
            self._issued[_digest(response)] = _Issued(role, provider, now + _REDEEMED_WITHIN)
        return response

    def check(self, response: str, role: str, provider: str) -> str | None:
        """Return what is wrong with a response that is presented to assume a role; None if nothing is."""
        with self._lock:
            issued = self._issued.get(_digest(response))
        if issued is None:
            return "nobody here has issued it"
        if time.time() >= issued.redeemable_until:
            return "it has expired"
        if provider != issued.provider:
            return "it is another provider's"
        return None if role == issued.role else "it is for another role"

    def _forget_the_old(self) -> None:
        longest_ago = time.time() - 2 * _REDEEMED_WITHIN
        for digest in [digest for digest, one in self._issued.items() if one.redeemable_until < longest_ago]:
            del self._issued[digest]


def _digest(response: str) -> bytes:
    return hashlib.sha256(response.encode()).digest()


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
