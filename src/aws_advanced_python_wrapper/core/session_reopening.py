"""How a session goes on with a connection that its program opens again by the driver's own methods.

MySQL's drivers have such: `reconnect`, `connect`, a ping that reconnects. The driver's object stays the same, and with
it its cursors; where it leads, and what its server knows, is another matter.
"""

from __future__ import annotations

import weakref
from abc import abstractmethod
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.leases import note_moved
from aws_advanced_python_wrapper.core.opened import Opened
from aws_advanced_python_wrapper.core.session_connections import SessionConnections
from aws_advanced_python_wrapper.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.core.plugin import Plugin
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection

_CLOSED = "The connection was closed, by the program or by a failover that has failed: open a new one"


class SessionReopening(SessionConnections):
    """The part of a session that a `SessionFollower` tells of its connection."""

    raw: RawConnection
    host: HostInfo
    current: Opened
    closed: bool
    _on_reopen: Sequence[Plugin]

    @abstractmethod
    def _adopt(self, opened: Opened) -> None:
        """Work on a connection from now on."""

    async def identify(self, opened: Opened, deadline: Deadline) -> Opened:
        """Hear of it, besides, when the program opens the connection again."""
        self.adapter.follow(opened.raw, SessionFollower(self, opened.raw))
        return await super().identify(opened, deadline)

    async def destination(self) -> HostInfo | None:
        """Have a plugin name the host to which the program's connection, which has ended, is to lead; None: as before.

        The session counts as connected to that host from then on: who ends connections to others leaves it alone.
        """
        for plugin in self._on_reopen:
            host = await plugin.on_reopen()
            if host is not None:
                self.host = host
                if self.sign_in_again is not None:
                    self.sign_in_again.note(host)
                return host
        return None

    async def go_on(self, raw: RawConnection, host: HostInfo) -> Opened:
        """Go on with the connection, which leads to a host now; raises the driver's error if that is lost already."""
        before = self.cluster
        opened = await self.located(Opened(raw, host, self.current.lease), Deadline.never())
        if before is not None and before is not self.cluster:
            before.leave(self)  # type: ignore[arg-type]
        if opened.host.address != self.current.host.address:
            note_moved(opened)
        if raw is self.raw and not self.closed:  # else another thread has gone on with another one meanwhile
            self._adopt(opened)
        return opened


class SessionFollower:
    """Follows one connection of a session's, and leaves it alone as soon as the session works on another one."""

    def __init__(self, session: SessionReopening, raw: RawConnection) -> None:
        self._session = weakref.ref(session)
        self.io: DriverIo = session.io
        self._begun = self._last = session.state.told(raw)
        self._destination: HostInfo | None = None

    def leaving(self, connection: RawConnection) -> None:
        """Note what the program had set."""
        self._destination = None
        if (session := self._session_on(connection)) is not None:
            self._last = session.state.told(session.raw)

    async def destination(self, connection: RawConnection) -> tuple[str, int] | None:
        """Ask the session; what a pool of the driver's has lent stays with the pool's host."""
        session = self._session_on(connection)
        if session is None or session.raw is not connection:
            return None
        host = self._destination = await session.destination()
        return None if host is None else (host.host, host.port)

    async def opened(self, connection: RawConnection, address: tuple[str, int]) -> None:
        """Have the session go on; a connection that is not what the session needs is ended."""
        session = self._session()
        if session is None:
            return
        try:
            if self._session_on(connection) is session:
                await self._go_on(session, address)
        except BaseException:
            session.adapter.abort(session.raw)
            raise

    async def _go_on(self, session: SessionReopening, address: tuple[str, int]) -> None:
        begun = session.state.told(session.raw)
        wanted = self._destination
        host = wanted or session.current.host
        if (host.host, host.port) != address:
            host = HostInfo(*address, HostRole.UNKNOWN)
        found = (await session.go_on(session.raw, host)).host
        if wanted is not None:
            if found.role is not wanted.role is HostRole.WRITER:
                raise session.adapter.errors.OperationalError(f"{found.address} is not the writer any more")
            await session.state.resume(session.raw, self._begun, self._last)
        self._begun = begun

    def _session_on(self, connection: RawConnection) -> SessionReopening | None:
        """Return the session that works on a connection, if any; raises the driver's error where that was closed."""
        session = self._session()
        if session is None or session.raw is None or session.adapter.connection_of(connection) is not session.raw:
            return None
        if not session.closed:
            return session
        if session.raw is connection:  # else it is its pool's again
            raise session.adapter.errors.InterfaceError(_CLOSED)
        return None
