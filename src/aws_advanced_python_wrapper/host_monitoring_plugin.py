"""Host monitoring: a call to a server that has fallen silent ends in seconds, not when the operating system gives up.

The plugin only tells the watcher of the server which connection the session works on. The watcher looks at the list of
calls that the session keeps, asks the server over a connection of its own while one of them lasts long, and shuts the
socket of the call down if there is no answer. What the program sees is the driver's own error for a lost connection, or
the outcome of a failover.
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.health import WATCHERS
from aws_advanced_python_wrapper.cluster.silence import Patience
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.observation import background_settings, background_sign_in
from aws_advanced_python_wrapper.core.plugin import Phase, Plugin, SessionView
from aws_advanced_python_wrapper.core.sign_in import signed_in
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.parameters.catalogue import HOST_MONITORING
from aws_advanced_python_wrapper.parameters.host_monitoring import (
    FAILURE_DETECTION_COUNT,
    FAILURE_DETECTION_ENABLED,
    FAILURE_DETECTION_INTERVAL_MS,
    FAILURE_DETECTION_TIME_MS,
    MONITOR_DISPOSAL_TIME_MS,
)
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.driver.contract import DriverProbe, Peer
    from aws_advanced_python_wrapper.properties import Settings


class HostMonitoringPlugin(Plugin):
    """The plugin `host_monitoring`; `host_monitoring_v2`, `efm` and `efm2` are other names of it."""

    code = "host_monitoring"
    phase = Phase.MONITORING
    group = "host monitoring"

    def __init__(self, session: SessionView) -> None:
        super().__init__(session)
        self._patience = _patience(session.settings)
        self._watched: WatchedConnection | None = None

    def connected(self, opened: Opened) -> None:
        """Have the server watched that the connection really leads to, whatever names and addresses say meanwhile."""
        self.close()
        peer = self.session.adapter.peer(opened.raw)
        if peer is None or not self.session.settings[FAILURE_DETECTION_ENABLED]:
            return
        watched = self._watched = WatchedConnection(self.session, opened, peer, self._patience)
        WATCHERS.join(str(peer), watched)

    def close(self) -> None:
        """Leave the watcher."""
        watched, self._watched = self._watched, None
        if watched is not None:
            WATCHERS.leave(str(watched.peer), watched)


class WatchedConnection:
    """One connection of a session's, from when it was opened until the next one replaces it."""

    def __init__(self, session: SessionView, opened: Opened, peer: Peer, patience: Patience) -> None:
        self.peer = peer
        self.patience = patience
        self.running = session.running
        self._host = opened.host
        self._raw = weakref.ref(opened.raw)  # a thread that looks at this must not keep a dropped connection
        self._adapter = session.adapter
        self._settings = session.settings
        self._sign_in = background_sign_in(session.sign_in, session.settings, HOST_MONITORING)
        self._kept_alive = False
        self._store = session.cluster.store if session.cluster else None

    def open_probe(self) -> HostProbe:
        """Return a probe with the user's settings, but for what shapes the user's own session."""
        adapter = self._adapter.blocking()  # it serves in a thread
        settings = background_settings(self._settings, adapter, HOST_MONITORING)
        if self._sign_in is not None:  # a refusal is an answer too: nobody need be asked for better credentials
            settings = signed_in(settings, self._sign_in.at_hand(settings, self._host))
        return HostProbe(adapter.probe(settings, self._host.host, self.peer), settings[SOCKET_TIMEOUT] or math.inf)

    def keep_alive(self) -> None:
        """Turn TCP keepalive on, at the pace of the checks: it ends a connection that the server has forgotten."""
        raw = self._raw()
        if raw is not None and not self._kept_alive:
            self._kept_alive = True
            self._adapter.keep_alive(raw, self._settings, self.patience.interval, self.patience.count)

    def has_heard(self, seconds: float) -> bool:
        """Ask the operating system when data came last."""
        raw = self._raw()
        heard = None if raw is None else self._adapter.last_heard(raw)
        return heard is not None and heard < seconds

    def give_up(self, began: float) -> None:
        """Mark the host and shut the connection's socket down, unless the call has returned."""
        raw = self._raw()
        if raw is None or began not in self.running:
            return
        if self._store is not None:
            self._store.mark_unavailable(self._host.address)
        if self._adapter.peer(raw) == self.peer:  # the program may have had it opened elsewhere meanwhile
            self._adapter.abort(raw)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self._host.address} at {self.peer}>"


class HostProbe:
    """The driver's probe, used in a thread; each check takes so many seconds at most."""

    def __init__(self, probe: DriverProbe, limit: float) -> None:
        self._probe = probe
        self._limit = limit

    def check(self, seconds: float) -> bool:
        """Block this thread until the server answers, or the time has passed."""
        return run(self._probe.check(BlockingIo(), Deadline.after(min(seconds, self._limit))))

    def close(self) -> None:
        """End the connection."""
        self._probe.close()


def _patience(settings: Settings) -> Patience:
    return Patience(
        settings[FAILURE_DETECTION_TIME_MS] / 1000,
        settings[FAILURE_DETECTION_INTERVAL_MS] / 1000,
        settings[FAILURE_DETECTION_COUNT],
        settings[MONITOR_DISPOSAL_TIME_MS] / 1000,
    )
