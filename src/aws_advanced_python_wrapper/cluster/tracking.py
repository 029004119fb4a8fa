"""Which connections of the process point at a cluster's writer, and their end when another writer takes over.

The connections themselves may be idle in a pool, or in use by any thread or event loop: nobody waits for them here.
"""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_advanced_python_wrapper.cluster.store import TopologyStore

logger = logging.getLogger(__name__)


class TrackedConnection(Protocol):
    """A connection that ends with the rule of the writer it was opened to."""

    def end_unless_at(self, writer: str) -> bool:
        """End it if it was opened to a writer at another address; tells whether it was. Must not wait."""
        ...


class ConnectionTracker:
    """Ends the connections to a writer of the past as soon as another host has said of itself that it is the writer.

    Connections are held weakly. They are ended in a thread that lives as long as that takes, so whoever publishes the
    news, perhaps an event loop, is not held up by their number.
    """

    def __init__(self, store: TopologyStore) -> None:
        self._store = store
        self._writer: str | None = None
        self.after_fork()
        store.follow(self._look)

    def after_fork(self) -> None:
        """Forget the connections; in a forked child each is added again when it is used."""
        self._lock = threading.RLock()  # re-entrant: a finalizer may close a connection at any moment
        self._tracked: weakref.WeakSet[TrackedConnection] = weakref.WeakSet()

    def add(self, connection: TrackedConnection) -> None:
        """Track a connection; it ends at once if its writer has been replaced since it was opened."""
        with self._lock:
            self._tracked.add(connection)
        # A writer that was published before this line is found here; a later one finds the connection tracked.
        self._end([connection])

    def discard(self, connection: TrackedConnection) -> None:
        """Track a connection no longer."""
        with self._lock:
            self._tracked.discard(connection)

    def _verified_writer(self) -> str | None:
        topology = self._store.current
        if topology is None or topology.writer is None or topology.writer_verified_at is None:
            return None
        return topology.writer.address

    def _look(self) -> None:
        """Notice another writer. Called in the publisher's thread after each change of the topology."""
        if self._verified_writer() in (None, self._writer):
            return
        with self._lock:  # of two publishers the later one to look sees the newer topology
            writer = self._verified_writer()
            if writer in (None, self._writer):
                return
            self._writer = writer
            tracked = list(self._tracked)
        if tracked:
            self._end_in_thread(tracked)

    def _end_in_thread(self, tracked: list[TrackedConnection]) -> None:
        thread = threading.Thread(target=self._end, args=(tracked,), name="connection tracker", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process has no room for another thread, or is ending
            self._end(tracked)

    def _end(self, connections: Iterable[TrackedConnection]) -> None:
        ended = sum(map(self._end_one, connections))
        if ended:
            logger.debug("the writer is %s now: connections to the one before that were ended: %d", self._writer, ended)

    def _end_one(self, connection: TrackedConnection) -> bool:
        writer = self._verified_writer()  # of this moment: meanwhile there may be yet another one
        if writer is None:
            return False
        try:
            return connection.end_unless_at(writer)
        except ReferenceError:  # it was collected
            return False
        except Exception as error:  # noqa: BLE001 - the others must end all the same
            logger.warning("a connection to a former writer could not be ended: %s", error)
            return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self._tracked)} connections, writer {self._writer}>"
