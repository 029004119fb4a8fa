"""The connection that a session keeps open beside the one it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostRole

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter


class Aside:
    """A connection that nobody uses, of a session that may go on with it later.

    Whoever has taken it off the session ends what was opened, or goes on with it if it is usable.
    """

    __slots__ = ("__weakref__", "_adapter", "opened")

    def __init__(self, opened: Opened, adapter: DriverAdapter) -> None:
        self.opened = opened
        self._adapter = adapter

    @property
    def is_usable(self) -> bool:
        """Whether it is this process's own, not closed by its server meanwhile, and idle. No I/O."""
        raw, adapter = self.opened.raw, self._adapter
        if self.opened.inherited or adapter.is_closed(raw):
            return False
        return not (adapter.is_dropped(raw) or adapter.is_busy(raw))

    def end_unless_at(self, writer: str) -> bool:
        """End it if it was opened to a writer at another address than this; tells whether it was. Never waits."""
        host = self.opened.host
        if self.opened.inherited or host.role is not HostRole.WRITER or host.address == writer:
            return False
        self._adapter.abort(self.opened.raw)
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.opened.host!r}>"
