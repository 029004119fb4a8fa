"""The TCP proxy in front of one instance, with the faults a network can have."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.link import Link
from aws_advanced_python_wrapper.local.proxy.way import Conditions

if TYPE_CHECKING:
    import ssl

    from aws_advanced_python_wrapper.local.proxy.dialogue import Speaks
    from aws_advanced_python_wrapper.local.proxy.target import Target

_BACKLOG = 512
_PAUSE_WHEN_OUT_OF_SOCKETS = 0.05


@dataclass(frozen=True, slots=True)
class Counters:
    """Connections of a proxy: now, since the last reset of the counters, and the most at one time.

    `connecting` are those whose login is not complete yet.
    """

    current: int = 0
    total: int = 0
    peak: int = 0
    connecting: int = 0
    peak_connecting: int = 0


class Proxy:
    """Listens on `address`:`port` and passes every connection on to `target`.

    Everything here is called on the event loop's thread. `target`, `tls` and `speaks`, the engine's dialogue,
    may be changed at any time; new connections follow.
    """

    def __init__(
        self,
        name: str,
        address: str,
        port: int,
        target: Target,
        tls: ssl.SSLContext | None,
        speaks: Speaks,
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.target = target
        self.tls = tls
        self.speaks = speaks
        self.tls_required = False
        self._listener: socket.socket | None = None
        self._to_server = Conditions()
        self._to_client = Conditions()
        self._bytes_to_client: int | None = None
        self._links: set[Link] = set()
        self._present: set[Link] = set()
        self._connecting: set[Link] = set()
        self._total = self._peak = self._peak_connecting = 0
        self._accepting: set[asyncio.Task[object]] = set()

    def __repr__(self) -> str:
        state = "refusing" if self._listener is None else "blackholed" if self._to_server.frozen else "accepting"
        return f"<Proxy {self.name} {self.address}:{self.port} {state}, {len(self._present)} connections>"

    async def start(self) -> None:
        """Begin to listen; raises OSError when the address is taken."""
        self.accept()

    async def stop(self) -> None:
        """Stop listening and reset every connection; returns when all sockets are closed."""
        self.refuse()
        while self._links or self._accepting:
            self.reset()
            await asyncio.sleep(0)

    def refuse(self) -> None:
        """Close the listener: new connections are refused, existing ones stay."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def accept(self) -> None:
        """Listen (again); port 0 takes a free one and keeps it."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self.address, self.port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._watch_listener()

    def reset(self) -> None:
        """Cut all current connections with a TCP reset, on both sides."""
        for link in list(self._links):
            link.reset()

    def blackhole(self) -> None:
        """Keep accepting, but pass no byte in either direction and close nothing."""
        self._change(frozen=True)

    def resume(self) -> None:
        """End the blackhole: what was held back flows on."""
        self._change(frozen=False)

    def delay(self, to_server: float = 0.0, to_client: float = 0.0) -> None:
        """Deliver every byte so many seconds later, per direction."""
        self._to_server = replace(self._to_server, delay=to_server)
        self._to_client = replace(self._to_client, delay=to_client)
        self._change()

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit each direction of each connection; None lifts the limit."""
        self._change(bytes_per_second=bytes_per_second)

    def reset_after(self, bytes_to_client: int) -> None:
        """Reset the first connection whose client has received so many bytes from now on, then disarm."""
        self._arm(bytes_to_client)

    def require_tls(self, required: bool) -> None:
        """Turn away clients that do not ask for TLS, as RDS does with `rds.force_ssl` or `require_secure_transport`."""
        if required and self.tls is None:
            raise ValueError(f"{self.name} has no certificate: give the proxy a TLS context before requiring TLS")
        self.tls_required = required

    def restore(self) -> None:
        """Undo every fault and listen."""
        self._to_server = self._to_client = Conditions()
        self._arm(None)
        self._change()
        self.accept()

    def counters(self) -> Counters:
        """Return the counters of this moment."""
        return Counters(len(self._present), self._total, self._peak, len(self._connecting), self._peak_connecting)

    def reset_counters(self) -> None:
        """Start counting anew: the peaks from the connections open now, the total from zero."""
        self._total = 0
        self._peak = len(self._present)
        self._peak_connecting = len(self._connecting)

    def logged_in(self, link: Link) -> None:
        """Note that the login of the link has succeeded (the link calls this)."""
        self._connecting.discard(link)

    def left(self, link: Link) -> None:
        """Note that the client has gone (the link calls this)."""
        self._present.discard(link)
        self._connecting.discard(link)

    def ended(self, link: Link) -> None:
        """Note that both sockets of the link are closed (the link calls this)."""
        self._links.discard(link)

    def cut(self) -> None:
        """Note that a link reached its byte limit (the link calls this)."""
        self._arm(None)

    def _change(self, **changes: float | bool | None) -> None:
        self._to_server = replace(self._to_server, **changes)  # type: ignore[arg-type]
        self._to_client = replace(self._to_client, **changes)  # type: ignore[arg-type]
        for link in list(self._links):
            link.change(self._to_server, self._to_client)

    def _arm(self, bytes_to_client: int | None) -> None:
        self._bytes_to_client = bytes_to_client
        for link in self._links:
            link.bytes_left = bytes_to_client

    def _watch_listener(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept_waiting, self._listener)

    def _accept_waiting(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_BACKLOG):
            try:
                connection, _peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file descriptor is left: try again when some connection may have ended
                loop.remove_reader(listener)
                loop.call_later(_PAUSE_WHEN_OUT_OF_SOCKETS, self._watch_listener)
                return
            self._link(connection)

    def _link(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        link = Link(self, self._to_server, self._to_client)
        link.bytes_left = self._bytes_to_client
        for group in (self._links, self._present, self._connecting):
            group.add(link)
        self._total += 1
        self._peak = max(self._peak, len(self._present))
        self._peak_connecting = max(self._peak_connecting, len(self._connecting))
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(lambda: link.client, connection))
        self._accepting.add(task)
        task.add_done_callback(partial(self._accepted, link))

    def _accepted(self, link: Link, task: asyncio.Task[object]) -> None:
        self._accepting.discard(task)
        if task.cancelled() or task.exception() is not None:  # the client was gone before its turn came
            self.left(link)
            self.ended(link)
