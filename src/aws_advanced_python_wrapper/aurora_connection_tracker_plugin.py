"""The connection tracker: after a failover no connection of the process goes on pointing at the old writer.

The connection on which a failover is noticed is replaced by the plugin `failover`. All others that lead to the old
writer, idle in pools or waiting for its answer in other threads, are ended here, and so fail, or fail over, at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.core.plugin import Phase, Plugin, SessionView

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.tracking import ConnectionTracker
    from aws_advanced_python_wrapper.core.opened import Opened


class AuroraConnectionTrackerPlugin(Plugin):
    """The plugin `aurora_connection_tracker`."""

    code = "aurora_connection_tracker"
    phase = Phase.TRACKING
    needs_topology = True

    def __init__(self, session: SessionView) -> None:
        super().__init__(session)
        self._tracker: ConnectionTracker | None = None

    def connected(self, opened: Opened) -> None:  # noqa: ARG002 - the session tells both at any later moment
        """Have the connection of the moment tracked with its cluster's."""
        self.close()
        if self.session.cluster is not None:
            tracker = self._tracker = self.session.cluster.tracker
            tracker.add(self)

    def end_unless_at(self, writer: str) -> bool:
        """End the connection if it was opened to a writer at another address than this; tells whether it was.

        Its socket is shut down, which waits for nothing: a call that is running fails at once, an idle connection at
        its next use. One that was opened to a host while that was a reader is right where it is.
        """
        session = self.session
        host, raw = session.host, session.raw
        # A switch replaces the host first: only if it is still the same do host and connection belong together.
        if session.host is not host or host.role is not HostRole.WRITER or host.address == writer:
            return False
        session.adapter.abort(raw)
        return True

    def close(self) -> None:
        """Have the connection tracked no longer."""
        tracker, self._tracker = self._tracker, None  # another thread may do the same
        if tracker is not None:
            tracker.discard(self)
