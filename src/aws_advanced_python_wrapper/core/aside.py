"""The connection that a session keeps open beside the one it works on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostRole

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.plugin import Opened, SessionView


class Aside:
    """A connection that nobody uses, of a session that may go on with it later.

    Whoever has taken it off the session ends it by `leave` or `discard`, or goes on with it if it is usable.
    """

    __slots__ = ("__weakref__", "_adapter", "opened")

    def __init__(self, opened: Opened, session: SessionView) -> None:
        self.opened = opened
        self._adapter = session.adapter
        if session.cluster is not None:
            session.cluster.tracker.add(self)

    @property
    def is_usable(self) -> bool:
        """Whether it is this process's own, not closed by its server meanwhile, and idle. No I/O."""
        raw, adapter = self.opened.raw, self._adapter
        if self.opened.inherited or adapter.is_closed(raw):
            return False
        return not (adapter.is_dropped(raw) or adapter.is_busy(raw))

    async def leave(self, session: SessionView) -> None:
        """Close it politely; that it is lost is nobody's concern any more."""
        with suppress(self._adapter.errors.Error):
            await session.leave(self.opened)

    async def discard(self, session: SessionView) -> None:
        """End it without waiting for its host."""
        await session.discard(self.opened)

    def end_unless_at(self, writer: str) -> bool:
        """End it if it was opened to a writer at another address than this; tells whether it was. Never waits."""
        host = self.opened.host
        if self.opened.inherited or host.role is not HostRole.WRITER or host.address == writer:
            return False
        self._adapter.abort(self.opened.raw)
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.opened.host!r}>"
