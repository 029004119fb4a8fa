"""Which host answers fastest: response times are measured in the background, for the strategy `fastest_response`.

The plugin only says that its connection wants them to be known. The threads that measure belong to the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.core.observation import BackgroundConnection, BackgroundCredentials
from aws_advanced_python_wrapper.core.plugin import Phase, Plugin, SessionView
from aws_advanced_python_wrapper.parameters.catalogue import RESPONSE_MEASUREMENT
from aws_advanced_python_wrapper.parameters.host_selection import RESPONSE_MEASUREMENT_INTERVAL_MS

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened

# Seconds, unless the user says otherwise with frt-connect_timeout.
_CONNECT_TIMEOUT = 10


class FastestResponseStrategyPlugin(Plugin):
    """The plugin `fastest_response_strategy`."""

    code = "fastest_response_strategy"
    phase = Phase.SELECTION
    needs_topology = True

    def __init__(self, session: SessionView) -> None:
        super().__init__(session)
        self._wanting: WantingConnection | None = None

    def connected(self, opened: Opened) -> None:
        """Have the hosts of the cluster measured from now on."""
        del opened
        if self.session.cluster is not None:
            self._wanting = self._wanting or WantingConnection(self.session, self.session.cluster)
            self.session.cluster.response_times.join(self._wanting)

    def close(self) -> None:
        """Have them measured for others only."""
        if self._wanting is not None and self.session.cluster is not None:
            self.session.cluster.response_times.leave(self._wanting)


class WantingConnection(BackgroundCredentials):
    """What a session lends to those who measure, for as long as it lives."""

    def __init__(self, session: SessionView, cluster: Cluster) -> None:
        adapter = session.adapter.blocking()
        super().__init__(
            session.settings, adapter, cluster.dialect, RESPONSE_MEASUREMENT, _CONNECT_TIMEOUT, session.sign_in
        )
        self.interval = session.settings[RESPONSE_MEASUREMENT_INTERVAL_MS] / 1000

    def connect(self, host: HostInfo) -> HostPinger:
        """Open a connection over which a host is measured, as `open` does."""
        return HostPinger(self._adapter, self.open(host), self._timeout)


class HostPinger(BackgroundConnection):
    """A connection over which a host is measured."""

    def ping(self) -> None:
        """Make one round trip to the server."""
        run(self._asking()("SELECT 1"))
