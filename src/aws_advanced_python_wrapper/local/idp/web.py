"""A small HTTPS server in threads of its own, for sites that answer one request at a time."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Mapping

_LARGEST_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What a site is asked; of a form and a query, the first value of each name."""

    method: str
    path: str
    target: str
    """The path with its query."""
    query: Mapping[str, str] = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    headers: frozenset[str]
    """The names of the headers."""
    body: bytes = field(repr=False)

    @property
    def form(self) -> Mapping[str, str]:
        """The values of a form that was sent."""
        return _first_values(self.body.decode("utf-8", "replace"))

    @property
    def json(self) -> Mapping[str, Any]:
        """The JSON object that was sent; empty if it was none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a site answers."""

    body: str = ""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, values: Mapping[str, Any], status: int = 200) -> Reply:
        """Answer with a JSON object."""
        return cls(json.dumps(values), status, "application/json")

    @classmethod
    def redirect(cls, target: str, cookie: str | None = None) -> Reply:
        """Lead to another page, with a cookie to bring there."""
        cookies = {} if cookie is None else {"Set-Cookie": f"{cookie}; path=/; secure; HttpOnly"}
        return cls("", 302, headers={"Location": target, **cookies})


class Site(Protocol):
    """What answers; called by many threads at once."""

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        ...


class HttpsServer:
    """Serves one site at one address, until it is stopped; it may be started again at the same port."""

    def __init__(self, site: Site, address: str, port: int, tls: ssl.SSLContext) -> None:
        self._site = site
        self._address = address
        self._tls = tls
        self._server: _Server | None = None
        self.port = port
        """Where it listens; 0 before it first does, if any port will do."""

    def start(self) -> None:
        """Listen; harmless where it does already."""
        if self._server is None:
            self._server = _Server((self._address, self.port), self._site, self._tls)
            self.port = self._server.server_port
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="https", daemon=True).start()

    def stop(self) -> None:
        """Listen no more: connections are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], site: Site, tls: ssl.SSLContext) -> None:
        self.site = site
        self._tls = tls
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind as the base class does, without asking DNS for the address's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Its handshake belongs into its own thread: a client may be slow."""
        accepted, address = super().get_request()
        return self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: object) -> None:
        """Let go of a client that went away, or does not trust us."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        parts = urlsplit(self.path)
        cookies = {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}
        query, headers = _first_values(parts.query), frozenset(self.headers)
        request = Request(self.command, parts.path, self.path, query, cookies, headers, self._body())
        self._send(self.server.site.answer(request))

    do_POST = do_GET  # noqa: N815 - the name is the base class's

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, _LARGEST_BODY))

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        headers = {"Content-Type": reply.content_type, "Content-Length": str(len(body)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: addresses contain tokens."""


def _first_values(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
