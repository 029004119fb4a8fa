"""The network of names that leads to hosts in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.testing.connection import FakeConnection
from aws_advanced_python_wrapper.testing.errors import LoginError, NetworkError
from aws_advanced_python_wrapper.testing.host import State
from aws_advanced_python_wrapper.testing.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.testing.host import FakeHost


@dataclass
class FakeNetwork(Traffic):
    """Names, and the hosts behind them; its `connect` and `aconnect` are the connect functions of the driver."""

    names: dict[str, FakeHost] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Name -> the name for which it is an alias in DNS; both lead to the same host."""
    refused_users: set[str] = field(default_factory=set)
    passwords: set[str] | None = None
    """The passwords that hosts accept; None: any, or none."""
    after_connect: Callable[[], None] = lambda: None
    """Called after each connection that is opened."""
    opened: list[FakeConnection] = field(default_factory=list)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    """(application name, host name) of each attempt to connect."""

    def connect(self, **arguments: Any) -> FakeConnection:
        """Open a connection of the blocking flavour, as a driver's connect function does."""
        return run(self._connect(arguments, asynchronous=False))

    async def aconnect(self, **arguments: Any) -> FakeConnection:
        """Open a connection of the asyncio flavour."""
        return await self._connect(arguments, asynchronous=True)

    async def _connect(self, arguments: dict[str, Any], *, asynchronous: bool) -> FakeConnection:
        name = arguments["host"]
        application = arguments.get("application_name", "")
        self.attempts.append((application, name))
        host = self.names.get(arguments.get("hostaddr") or name)
        if host is None:
            raise NetworkError(f"could not translate host name {name!r}")
        if host.state is State.FROZEN and not await self.connecting.passed(
            arguments.get("connect_timeout"), asynchronous=asynchronous
        ):
            raise NetworkError("connection timeout expired")
        if host.state is not State.UP:
            raise NetworkError(f"connection to {name} refused")
        wrong = self.passwords is not None and arguments.get("password") not in self.passwords
        if wrong or arguments.get("user") in self.refused_users:
            raise LoginError(f"password authentication failed for user {arguments.get('user')!r}")
        connection = FakeConnection(host, arguments, asynchronous=asynchronous)
        host.connections.append(connection)
        self.opened.append(connection)
        self.after_connect()
        return connection

    def opened_by(self, application: str) -> list[FakeConnection]:
        """Return the connections with an `application_name`, in the order in which they were opened."""
        return [connection for connection in self.opened if connection.application == application]

    def attempts_by(self, application: str) -> list[str]:
        """Return the host names to which connections with an `application_name` were asked for, in order."""
        return [name for by, name in self.attempts if by == application]

    def close(self) -> None:
        """Let nothing wait any more: a test has ended."""
        for host in set(self.names.values()):
            host.kill()
        self.connecting.open()
