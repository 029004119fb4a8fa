"""Checks that a request was signed, by Signature Version 4, with a key that counts."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from aws_advanced_python_wrapper.local.aws.calls import Refusal

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.aws.calls import Call, Credential
    from aws_advanced_python_wrapper.local.aws.keys import KeyRing

_LEEWAY = timedelta(minutes=5)
_UNSIGNED = {"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}
_TIME = "%Y%m%dT%H%M%SZ"

_MISSING = Refusal(
    "MissingAuthenticationToken",
    "Request is missing Authentication Token",
    403,
    json_code="MissingAuthenticationTokenException",
)
_UNKNOWN = Refusal(
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
    403,
    json_code="UnrecognizedClientException",
)
_EXPIRED = Refusal(
    "ExpiredToken",
    "The security token included in the request is expired",
    403,
    json_code="ExpiredTokenException",
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def check(call: Call, keys: KeyRing) -> Refusal | None:
    """Return how the service refuses a call that is not signed as it must be; None if it is in order."""
    if call.name in _UNSIGNED:
        return None
    if (credential := call.credential) is None:
        return _MISSING
    key = keys.find(credential.access_key_id)
    if key is None or (call.headers.get("x-amz-security-token") or None) != key.session_token:
        return _UNKNOWN
    if key.expires_at <= time.time():
        return _EXPIRED
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request"
    expected = key.signature(call.headers.get("x-amz-date", ""), scope, _canonical(call, credential))
    if not hmac.compare_digest(expected.encode(), credential.signature.encode()):
        return _wrong(_MISMATCH)
    return _untimely(call.headers.get("x-amz-date", ""))


def _canonical(call: Call, credential: Credential) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in _pairs(call.query))
    headers = [f"{name}:{' '.join(call.headers.get(name, '').split())}\n" for name in credential.signed_headers]
    return "\n".join(
        [
            call.method,
            quote(call.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(credential.signed_headers),
            hashlib.sha256(call.body).hexdigest(),
        ]
    )


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _untimely(signed_at: str) -> Refusal | None:
    now = datetime.now(timezone.utc)
    try:
        signed = datetime.strptime(signed_at, _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return _wrong("Date must be in ISO-8601 'basic format'")
    early, late = now - _LEEWAY, now + _LEEWAY
    if signed < early:
        return _wrong(f"Signature expired: {signed_at} is now earlier than {early:{_TIME}} ({now:{_TIME}} - 5 min.)")
    if signed > late:
        return _wrong(
            f"Signature not yet current: {signed_at} is still later than {late:{_TIME}} ({now:{_TIME}} + 5 min.)"
        )
    return None


def _wrong(message: str) -> Refusal:
    return Refusal("SignatureDoesNotMatch", message, 403, json_code="InvalidSignatureException")
