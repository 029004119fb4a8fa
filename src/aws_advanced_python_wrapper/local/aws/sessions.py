"""What the security token service gives out: temporary keys, which count from then on, for others' services too.

The keys in moto's answers are made up, some always the same: real ones are put in their place.
"""

from __future__ import annotations

import re
import secrets
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.aws.calls import Refusal
from aws_advanced_python_wrapper.local.aws.keys import random_access_key_id, random_secret_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.aws.calls import Call
    from aws_advanced_python_wrapper.local.aws.keys import KeyRing

    CheckAssertion = Callable[[str, str, str], str | None]
    """Takes a SAML assertion in base64, the role's and the provider's ARN; returns what is wrong with it, if it is."""

_BYTES_OF_A_TOKEN = 600
_DEFAULT_DURATION = 3600.0


class Sessions:
    """Checks who asks for a session, and makes its keys. Any thread may use it."""

    def __init__(self, keys: KeyRing, check_assertion: CheckAssertion | None) -> None:
        self._keys = keys
        self._check_assertion = check_assertion
        self.duration: float | None = None
        """How long sessions last, in seconds, whatever is asked for; None: as long as is asked for."""

    def refusal(self, call: Call) -> Refusal | None:
        """Return how STS refuses a call whose SAML assertion is no good."""
        if call.name != "sts:AssumeRoleWithSAML":
            return None
        if self._check_assertion is None:
            return Refusal("InvalidIdentityToken", "Specified provider doesn't exist")
        given = (call.form.get(name, "") for name in ("SAMLAssertion", "RoleArn", "PrincipalArn"))
        reason = self._check_assertion(*given)
        return None if reason is None else _refusal(reason)

    def issue(self, call: Call, answer: bytes) -> bytes:
        """Return an answer of STS with keys that count, if there are keys in it."""
        if call.service != "sts" or b"<SecretAccessKey>" not in answer:
            return answer
        asked = float(call.form.get("DurationSeconds") or _DEFAULT_DURATION)
        expires_at = time.time() + (asked if self.duration is None else self.duration)
        key_id = "ASIA" + random_access_key_id()[4:]
        secret_key, token = random_secret_key(), secrets.token_urlsafe(_BYTES_OF_A_TOKEN)
        self._keys.add(key_id, secret_key, token, expires_at)
        expiration = datetime.fromtimestamp(expires_at, timezone.utc).isoformat(timespec="milliseconds")
        values = {
            "AccessKeyId": key_id,
            "SecretAccessKey": secret_key,
            "SessionToken": token,
            "Expiration": expiration.replace("+00:00", "Z"),
        }
        for name, value in values.items():
            answer = re.sub(rf"<{name}>[^<]*<".encode(), f"<{name}>{value}<".encode(), answer)
        return answer


def _refusal(reason: str) -> Refusal:
    if "expired" in reason:
        return Refusal("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
    if "role" in reason or "provider" in reason:
        return Refusal("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML", 403)
    return Refusal("InvalidIdentityToken", "Response signature invalid")
