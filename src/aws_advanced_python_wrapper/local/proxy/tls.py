"""The server's end of a TLS connection, without a socket."""

from __future__ import annotations

import ssl
from contextlib import suppress

_CHUNK = 256 * 1024


class TlsEnd:
    """Turns a client's TLS bytes into plain ones and back.

    The proxy does its own TLS instead of asyncio's `start_tls` so that delays, blackholes and resets act on
    the bytes on the wire, also during the handshake.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False
        self.peer_has_ended = False

    def decrypt(self, data: bytes) -> bytes:
        """Return the plain bytes in what the client sent; raises ssl.SSLError when it does not speak TLS.

        From the client's goodbye on `peer_has_ended`.
        """
        self._incoming.write(data)
        plain = []
        try:
            if not self._shaken:
                self._session.do_handshake()
                self._shaken = True
            while chunk := self._session.read(_CHUNK):
                plain.append(chunk)
            self.peer_has_ended = True
        except ssl.SSLWantReadError:
            pass  # the rest comes later
        return b"".join(plain)

    def encrypt(self, plain: bytes) -> bytes:
        """Return the TLS bytes that carry `plain` to the client; before the handshake it can be told nothing."""
        if not self._shaken:
            return b""
        self._session.write(plain)
        return self._outgoing.read()

    def goodbye(self) -> bytes:
        """Return the notice of an end in good order, without which clients suspect an attack."""
        if self._shaken:
            with suppress(ssl.SSLError):  # the client's own goodbye may come later or never
                self._session.unwrap()
        return self._outgoing.read()

    def pending(self) -> bytes:
        """Return what TLS itself has to say to the client: its handshake, tickets and alerts."""
        return self._outgoing.read()
