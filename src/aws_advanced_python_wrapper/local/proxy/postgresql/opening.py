"""How a PostgreSQL client opens a connection: the packets before the login, which the proxy answers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aws_advanced_python_wrapper.local.proxy.postgresql.messages import fatal, names

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CANCEL_REQUEST = 80877102
_TLS_HANDSHAKE = 0x16
_LONGEST_STARTUP = 10_000
_READY_FOR_QUERY = b"Z\x00\x00\x00\x05"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with the client's first bytes.

    `used` of them are done with; `reply` goes back; then TLS begins, or the rest is `passed` on, or the
    client is `refused` (closed after the reply).
    """

    used: int = 0
    reply: bytes = b""
    start_tls: bool = False
    passed: bool = False
    refused: bool = False


_WAIT = None
_PASS = Step(passed=True)
_BEGIN_TLS = Step(start_tls=True)


def next_step(data: bytes, *, offers_tls: bool, requires_tls: bool, encrypted: bool) -> Step | None:
    """Return the step for the bytes read so far, or None when more of them are needed to tell."""
    if data[0] == _TLS_HANDSHAKE and offers_tls and not encrypted:
        return _BEGIN_TLS
    if data[0] != 0:
        return _PASS
    if len(data) < 8:
        return _WAIT
    length, code = struct.unpack_from("!II", data)
    if code == _GSS_REQUEST:
        return Step(used=8, reply=b"N")
    if code == _SSL_REQUEST and not encrypted:
        return _answer_ssl_request(data, offers_tls)
    if code == _CANCEL_REQUEST or encrypted or not requires_tls:
        return _PASS
    if len(data) < min(length, _LONGEST_STARTUP):
        return _WAIT
    return Step(used=len(data), reply=_no_encryption(data), refused=True)


def ends_login(tail: bytes) -> bool:
    """Whether the server's bytes end with its first "ready for query": the login is complete."""
    return tail[-6:-1] == _READY_FOR_QUERY


def _answer_ssl_request(data: bytes, offers_tls: bool) -> Step:
    if not offers_tls:
        return Step(used=8, reply=b"N")
    if len(data) > 8:  # plain bytes a man in the middle could have put in front of the encrypted ones
        return Step(used=len(data), refused=True)
    return Step(used=8, reply=b"S", start_tls=True)


def _no_encryption(startup: bytes) -> bytes:
    """Return the error that RDS sends when `rds.force_ssl` is on and the client did not ask for TLS."""
    user, database = names(startup)
    return fatal(f'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "{database}", no encryption')
