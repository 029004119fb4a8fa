"""How a client without TLS hides its password from the network: RSA, of which the proxy holds the key.

The server is reached through its Unix socket, on which it takes passwords in the clear only.
"""

from __future__ import annotations

from functools import cache
from itertools import cycle

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# MySQL's caching_sha2_password prescribes these.
_PADDING = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303


def public_key() -> bytes:
    """Return what clients encrypt their passwords with, in PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _key().public_key().public_bytes(serialization.Encoding.PEM, form)


def reveal(encrypted: bytes, scramble: bytes) -> bytes:
    """Return a password with the zero at its end; one that cannot be decrypted is empty, hence wrong."""
    try:
        mixed = _key().decrypt(encrypted, _PADDING)
    except ValueError:
        return b"\0"
    return bytes(one ^ other for one, other in zip(mixed, cycle(scramble), strict=False))


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)
