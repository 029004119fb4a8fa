"""What a MySQL server is told to let a user in: passwords, hashed as its authentication plugins want them, and TLS."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Plugins to which a password is told as it is, once nobody can listen.
_CLEAR = frozenset({"mysql_clear_password", "sha256_password"})


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, and how: `tls` is None where the connection is not to be encrypted."""

    user: str
    password: bytes = field(repr=False)
    host: str
    """The name that the server's certificate must be for, if `tls` looks at it."""
    tls: ssl.SSLContext | None = None


def response(plugin: str, nonce: bytes, password: bytes, *, private: bool) -> bytes:
    """Return the first answer to a plugin; nothing where it is another plugin, or somebody could listen."""
    if plugin == "mysql_native_password" and password:
        return _native(password, nonce)
    if plugin == "caching_sha2_password" and password:
        return _cached(password, nonce)
    return cleartext(password) if plugin in _CLEAR and private else b""


def cleartext(password: bytes) -> bytes:
    """Return the password as it is sent where nobody can listen."""
    return password + b"\0"


def _native(secret: bytes, nonce: bytes) -> bytes:
    once = _sha1(secret)
    return _xor(once, _sha1(nonce + _sha1(once)))


def _cached(secret: bytes, nonce: bytes) -> bytes:
    once = _sha256(secret)
    return _xor(once, _sha256(_sha256(once) + nonce))


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def tls_context(arguments: Mapping[str, Any]) -> ssl.SSLContext | None:
    """Return a context for MySQL Connector/Python's arguments: it encrypts unless told not to, and trusts anybody.

    Who asks for the name to be verified is given a certificate that is, too. Raises OSError for files that cannot be
    read.
    """
    if arguments.get("ssl_disabled"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = bool(arguments.get("ssl_verify_identity"))
    verifies = context.check_hostname or bool(arguments.get("ssl_verify_cert"))
    context.verify_mode = ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE
    if verifies:
        context.load_default_certs()
    if versions := arguments.get("tls_versions"):
        context.minimum_version = min(ssl.TLSVersion[_constant(version)] for version in versions)
        context.maximum_version = max(ssl.TLSVersion[_constant(version)] for version in versions)
    if arguments.get("ssl_ca"):
        context.load_verify_locations(arguments["ssl_ca"])
    if arguments.get("ssl_cert"):
        context.load_cert_chain(arguments["ssl_cert"], arguments.get("ssl_key"))
    return context


def _constant(version: str) -> str:
    """Return the name in `ssl.TLSVersion` of a version as MySQL calls it: TLSv1.2 is TLSv1_2."""
    return version.replace(".", "_")
