"""The connection that a session keeps open beside the one it works on."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostRole

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.plugin import Opened, SessionView


class Aside:
    """A connection that nobody uses, of a session that may go on with it later.

    Whoever has taken it off the session ends it by `leave` or `discard`, or goes on with it if it is usable.
    """

    __slots__ = ("__weakref__", "_adapter", "_process", "opened")

    def __init__(self, opened: Opened, session: SessionView) -> None:
        self.opened = opened
        self._adapter = session.adapter
        self._process = os.getpid()
        if session.cluster is not None:
            session.cluster.tracker.add(self)

    @property
    def is_usable(self) -> bool:
        """Whether the server has not closed it meanwhile, and no thread has gone on using it. No I/O."""
        if self._is_inherited or self._adapter.is_closed(self.opened.raw):
            return False
        return not (self._adapter.is_dropped(self.opened.raw) or self._adapter.is_busy(self.opened.raw))

    async def leave(self, session: SessionView) -> None:
        """Close it politely; that it is lost is nobody's concern any more."""
        if self._is_inherited:
            self._adapter.abandon(self.opened.raw)
            return
        with contextlib.suppress(self._adapter.errors.Error):
            await session.leave(self.opened)

    async def discard(self, session: SessionView) -> None:
        """End it without waiting for its host."""
        if self._is_inherited:
            self._adapter.abandon(self.opened.raw)
        else:
            await session.discard(self.opened)

    def end_unless_at(self, writer: str) -> bool:
        """End it if it was opened to a writer at another address than this; tells whether it was. Never waits."""
        host = self.opened.host
        if host.role is not HostRole.WRITER or host.address == writer:
            return False
        self._adapter.abort(self.opened.raw)
        return True

    @property
    def _is_inherited(self) -> bool:
        """Whether this is a forked child, and the connection its parent's."""
        return os.getpid() != self._process

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.opened.host!r}>"
