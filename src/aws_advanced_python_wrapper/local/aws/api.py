"""Listens for calls of the APIs, in a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.aws.gate import Gate


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Api:
    """A server that can be taken down and brought up again at the same address."""

    def __init__(self, gate: Gate, address: str, port: int) -> None:
        self._gate = gate
        self._address = address
        self._port = port
        self._server: BaseWSGIServer | None = None
        self._thread = threading.Thread()

    def start(self) -> None:
        """Listen, unless it does already."""
        if self._server is None:
            self._server = self._listen()
            serve = self._server.serve_forever
            self._thread = threading.Thread(target=serve, args=(0.05,), name="aws", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on; calls under way are still answered."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            self._thread.join()  # it closes the socket

    def _listen(self) -> BaseWSGIServer:
        try:
            return make_server(self._address, self._port, self._gate, threaded=True, request_handler=_Handler)
        except SystemExit:  # so werkzeug says that the address is taken
            raise LocalClusterError(f"another process has taken {self._address}:{self._port}, where AWS was") from None
