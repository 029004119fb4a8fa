"""What PostgreSQL's client and server say before a session begins, as far as the proxy has to read or say it."""

from __future__ import annotations

import struct


def names(startup: bytes) -> tuple[str, str]:
    """Return the user and the database that a startup packet asks for."""
    words = startup[8:].split(b"\0")
    given = dict(zip(words[::2], words[1::2], strict=False))
    user = given.get(b"user", b"")
    database = given.get(b"database", user)
    return user.decode("utf-8", "replace"), database.decode("utf-8", "replace")


def fatal(message: str, state: str = "28000") -> bytes:
    """Return the error with which a server ends a connection."""
    fields = (b"SFATAL", b"VFATAL", b"C" + state.encode(), b"M" + message.encode())
    body = b"".join(field + b"\0" for field in fields) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body
