"""What a search for the right host tells the log, so that it can be followed there in a few lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.errors import first_line

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.host import HostInfo

_SAYS = {HostRole.WRITER: "is the writer", HostRole.READER: "is a reader", HostRole.UNKNOWN: "does not tell its role"}


class SearchLog:
    """Tells the logger of the plugin on whose behalf it is searched, at level DEBUG; in one search nothing twice."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: set[str] = set()

    def asks(self, cluster: Cluster) -> None:
        """Tell who is asked."""
        topology = cluster.store.current
        if topology is not None:
            self._tell(f"asking who they are: {_names(topology.hosts)}")

    def hears(self, cluster: Cluster, since: float, began: float) -> None:
        """Tell who has answered what since a monotonic time, in seconds, and why the others have not."""
        topology = cluster.store.current
        if topology is None:
            return
        seen, reasons = topology.seen_since(since), cluster.monitor.reasons
        answers = [f"{_name(host)} {_SAYS[host.role]}" for host in seen]
        silent = [host for host in topology.hosts if host not in seen and host.address in reasons]
        nothing = [f"{_name(host)} ({_last_cause(reasons[host.address])})" for host in silent]
        missing = f"; none from {', '.join(nothing)}" if nothing else ""
        self._tell(f"answers: {', '.join(answers) or 'none'}{missing}", began)

    def connects(self, host: HostInfo, began: float) -> None:
        """Tell that a connection was opened."""
        self._tell(f"connected to {host.address}, which {_SAYS[host.role]}", began)

    def misses(self, host: HostInfo, error: Exception, began: float) -> None:
        """Tell that a host could not be connected to."""
        self._tell(f"could not connect to {host.address} ({first_line(error)})", began)

    def _tell(self, event: str, began: float | None = None) -> None:
        if event in self._told:
            return
        self._told.add(event)
        if began is None:
            self._logger.debug("%s", event)
        else:
            self._logger.debug("%s; took %.3f s", event, time.monotonic() - began)


def _last_cause(reason: str) -> str:
    """Return the end of a chain of causes: libpq begins it with the address, which is told already."""
    return reason.rpartition(" failed: ")[2]


def _names(hosts: Iterable[HostInfo]) -> str:
    return ", ".join(map(_name, hosts)) or "nobody"


def _name(host: HostInfo) -> str:
    return host.host_id or host.address
