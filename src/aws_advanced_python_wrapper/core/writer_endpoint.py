"""Opening a cluster's writer endpoint at the true writer, although DNS may still name another host.

After a failover the endpoint's DNS record leads to the old writer for a while, which is gone or a reader by then. Names
and addresses are not compared: what counts is what the hosts say of themselves, so the address family does not matter.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.endpoint import EndpointType
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import ConnectNext, SessionView
    from aws_advanced_python_wrapper.core.search import HostSearch

logger = logging.getLogger(__name__)

# Seconds that an attempt may take to connect to the writer that the monitor knows.
_ATTEMPT_LIMIT = 5.0
# Seconds that the hosts have to name another writer, before DNS is followed and its error is the program's.
_DOUBT = 1.0


def is_writer_endpoint(session: SessionView, host: HostInfo) -> bool:
    """Tell whether `host` is the session's writer endpoint, and not pinned to a network address by the program."""
    pinned = "hostaddr" in session.settings.driver
    return session.endpoint.type is EndpointType.WRITER and host.host == session.endpoint.host and not pinned


@dataclass(frozen=True)
class WriterConnect:
    """One attempt to open the writer endpoint; `search` makes a search of the session's cluster once that is known."""

    session: SessionView
    search: Callable[[], HostSearch]
    since: float
    """Monotonic time, in seconds, at which the attempt began: older news does not count in a search."""
    patience: float
    """Seconds that the hosts have to name the writer where the endpoint leads to another host."""

    async def open(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Connect to the writer, whatever the endpoint `host` leads to.

        Raises `NoHostFoundError` if the endpoint leads to another host and none says in time that it is the writer, and
        the driver's own error if nothing better is known than the endpoint, which cannot be reached.
        """
        opened = await self._past_dns() or await self._by_dns(host, proceed)
        if self.session.cluster is None or opened.host.role is HostRole.WRITER:
            return opened
        logger.debug("%s leads to %s, which is not the writer: DNS is stale", host.host, opened.host.address)
        await self.session.discard(opened)
        return await self.search().writer(self.since, Deadline.after(self.patience))

    async def _by_dns(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Follow DNS; where it leads to nobody, the hosts of a known cluster are given a moment to name the writer."""
        try:
            return await proceed(host)
        except self.session.adapter.failures as error:
            if self.session.cluster is None or self.session.classify(error) is not ErrorKind.NETWORK:
                raise
            opened = await self._named()
            if opened is None:
                raise
            return opened

    async def _past_dns(self) -> Opened | None:
        """Connect to the instance that the monitor knows to be the writer; None if it knows none.

        Where that one is not reached, or is not the writer any more, the hosts are given a moment to name another.
        """
        cluster = self.session.cluster
        topology = cluster.store.current if cluster and cluster.monitor.is_watching else None
        if topology is None or topology.writer is None or topology.writer_verified_at is None:
            return None
        opened = await self.search().attempt_writer(topology.writer, Deadline.after(_ATTEMPT_LIMIT))
        return opened or await self._named()

    async def _named(self) -> Opened | None:
        """Connect to the host that says in a moment that it is the writer; None if none does."""
        search = self.search()
        writer = await search.verified_writer(self.since, Deadline.after(_DOUBT))
        return await search.attempt_writer(writer, Deadline.after(_ATTEMPT_LIMIT)) if writer else None
