"""A server that speaks as much of PostgreSQL's protocol as lets clients in, and then says what a test tells it to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

_CANCEL = struct.pack("!i", 80877102)
_PATIENCE = 30.0  # s


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


ENCODING = message(b"S", b"client_encoding\0UTF8\0")  # psycopg before 3.3 needs to know
LET_IN = message(b"R", struct.pack("!i", 0)) + ENCODING + message(b"K", struct.pack("!ii", 1, 1)) + message(b"Z", b"I")
READY = message(b"Z", b"I")


def answer(*rows: tuple[str | None, ...]) -> bytes:
    """Return what a server says to a query with these rows."""
    columns = len(rows[0])
    column = b"x\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    data = (message(b"D", struct.pack("!h", columns) + b"".join(map(_value, row))) for row in rows)
    return b"".join(
        [message(b"T", struct.pack("!h", columns) + columns * column), *data, message(b"C", b"SELECT\0"), READY]
    )


def _value(value: str | None) -> bytes:
    return struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value.encode()


ANSWER = answer(("yes",))
CANCELLED = message(b"E", b"SERROR\0VERROR\0C57014\0Mcanceling statement due to user request\0\0") + READY
NEWS = message(b"A", struct.pack("!i", 1) + b"news\0hello\0")

Behaviour: TypeAlias = "Callable[[ScriptedServer, socket.socket, str], None]"
"""What is done when a query has come: with the server, the client and the query's text."""


class ScriptedServer:
    """Listens on loopback. The body of a `with` statement is its life."""

    def __init__(self, behave: Behaviour) -> None:
        self.cancelled = threading.Event()
        """Set when a client has asked to cancel a statement."""
        self.asked = threading.Event()
        """Set when the first query has come."""
        self.ended = threading.Event()
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []

    @property
    def conninfo(self) -> str:
        host, port = self._listener.getsockname()
        return f"host={host} port={port} user=u dbname=d sslmode=disable gssencmode=disable"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended.set()
        for one in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.settimeout(_PATIENCE)
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if client.recv(10_000)[4:8] == _CANCEL:
                self.cancelled.set()
                return
            client.sendall(LET_IN)
            while (said := client.recv(10_000)).startswith(b"Q"):
                self.asked.set()
                self._behave(self, client, said[5:].rstrip(b"\0").decode())
