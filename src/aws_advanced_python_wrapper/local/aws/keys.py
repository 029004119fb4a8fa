"""The access keys that count in a local cluster, in the shapes of AWS."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import string
import threading
from dataclasses import dataclass, field
from functools import reduce

ALGORITHM = "AWS4-HMAC-SHA256"
_OF_IDS = string.ascii_uppercase + "234567"
_OF_SECRETS = string.ascii_letters + string.digits + "/+"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What signs requests and tokens; a temporary one has a session token and ends at `expires_at` (Unix time)."""

    access_key_id: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: float = math.inf

    def signature(self, signed_at: str, scope: str, request: str) -> str:
        """Return the signature, of version 4, of a request in its canonical form."""
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{ALGORITHM}\n{signed_at}\n{scope}\n{digest}"
        return reduce(_mac, (*scope.split("/"), text), f"AWS4{self.secret_key}".encode()).hex()


class KeyRing:
    """The keys that are known now, also those that have expired. Any thread may use it."""

    def __init__(self, static: AccessKey) -> None:
        self._keys = {static.access_key_id: static}
        self._lock = threading.Lock()

    def find(self, access_key_id: str) -> AccessKey | None:
        """Return the key of this id, expired or not; None if there is none, or it was revoked."""
        with self._lock:
            return self._keys.get(access_key_id)

    def add(self, access_key_id: str, secret_key: str, session_token: str | None, expires_at: float) -> None:
        """Let a key count until `expires_at` (Unix time)."""
        with self._lock:
            self._keys[access_key_id] = AccessKey(access_key_id, secret_key, session_token, expires_at)

    def revoke(self, access_key_id: str) -> None:
        """Forget a key; harmless if it is not known."""
        with self._lock:
            self._keys.pop(access_key_id, None)


def random_access_key_id() -> str:
    """Return an id such as those of users."""
    return "AKIA" + _random(_OF_IDS, 16)


def random_secret_key() -> str:
    """Return a secret that nobody knows."""
    return _random(_OF_SECRETS, 40)


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
