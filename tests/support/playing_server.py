"""A server on loopback that plays a script on each connection."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Server:
    """Hands each connection to the next script, the last one to all that follow."""

    def __init__(self, *scripts: Callable[[socket.socket], None], listener: socket.socket | None = None) -> None:
        self.scripts = list(scripts)
        self.connections = 0
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._stack = ExitStack()
        self.port: Any = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._stack.enter_context(closing(connection))
            self.connections += 1
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            threading.Thread(target=_play, args=(script, connection), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._stack.close()


def _play(script: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        script(connection)
    except OSError:  # the probe has gone
        return


@contextmanager
def serving(*scripts: Callable[[socket.socket], None], listener: socket.socket | None = None) -> Iterator[Server]:
    server = Server(*scripts, listener=listener)
    try:
        yield server
    finally:
        server.close()


def silent(_connection: socket.socket) -> None:
    """Accept, as the kernel of a frozen server does, and say nothing."""


def hang_up(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    connection.recv(1000)
    connection.close()
