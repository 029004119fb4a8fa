"""An instance of the cluster: a server, the proxy before it, and what the cluster knows of it."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.supervisor.topology import Row
from aws_advanced_python_wrapper.local.values import Condition, Role, State

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.node import Node
    from aws_advanced_python_wrapper.local.proxy.proxy import Proxy


class Member:
    """One instance; `state` is what is known or being done, not a question to the server."""

    def __init__(self, node: Node, proxy: Proxy, role: Role) -> None:
        self.number = node.site.number
        self.name = node.name
        self.host = node.site.host
        self.node = node
        self.proxy = proxy
        self.role: Role = role
        self.state: State = "starting"
        self.fit = False  # to be promoted: it has all that was ever confirmed
        self.background: asyncio.Task[None] | None = None
        self.session = str(uuid.uuid4())
        self.resource_id = "db-" + uuid.uuid4().hex[:26].upper()
        self._opening: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Member {self.name} {self.role} {self.state}>"

    @property
    def is_writer(self) -> bool:
        """Whether this is the cluster's writer."""
        return self.role == "writer"

    def open(self) -> None:
        """Take connections from now on."""
        self._cancel_opening()
        self.proxy.resume()
        self.proxy.accept()

    def open_after(self, seconds: float) -> None:
        """Take connections in a while, unless something else is decided before."""
        self._cancel_opening()
        self._opening = asyncio.get_running_loop().call_later(seconds, self.open)

    def close(self) -> None:
        """Cut the connections and refuse new ones, as a host does whose server is not running."""
        self._cancel_opening()
        self.proxy.refuse()
        self.proxy.reset()
        self.proxy.resume()  # a hole that swallowed bytes is gone with the server that hung

    def blackhole(self) -> None:
        """Answer nothing any more and close nothing."""
        self._cancel_opening()
        self.proxy.accept()
        self.proxy.blackhole()

    def row(self) -> Row:
        """Return what a table that is up to date says of this instance."""
        return Row(self.number, self.name, self.is_writer, self.session, self.resource_id, self.host, self.proxy.port)

    def condition(self) -> Condition:
        """Return a picture of this moment."""
        return Condition(
            name=self.name,
            host=self.host,
            address=self.node.site.address,
            port=self.proxy.port,
            private_port=self.node.site.port,
            role=self.role,
            state=self.state,
            connections=self.proxy.counters().current,
        )

    def _cancel_opening(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
