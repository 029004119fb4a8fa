"""Connecting to the right host of a cluster whose roles have just changed.

The caller names the moment since which answers count: a host that has not said since then who it is may be gone. While
a caller waits here, the monitor asks all hosts.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.core.search_log import SearchLog
from aws_advanced_python_wrapper.core.selection import eligible_readers
from aws_advanced_python_wrapper.core.waiting import place, wait_topology
from aws_advanced_python_wrapper.driver.contract import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.topology import Topology
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import Plugin, SessionView
    from aws_advanced_python_wrapper.deadline import Deadline

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds that an attempt to connect may take to a host that has just answered the monitor.
_ATTEMPT_LIMIT = 10.0
# Seconds that further readers have to answer after the first one, so that a choice is left to the strategy.
_GATHERING = 0.1
# Seconds that readers have to answer before the writer serves in their place. That a host was lost or has just refused
# does not shorten it: in a failover all instances restart, and a reader may be back a moment later.
_PATIENCE_WITH_READERS = 1.0


class NoHostFoundError(Exception):
    """The deadline passed; the message says what was looked for."""


@dataclass(frozen=True)
class HostSearch:
    """Finds and connects to a host for one session, through the plugins `below` the one that searches."""

    session: SessionView
    cluster: Cluster
    below: Plugin
    writer_pause: float = 0.0
    """Seconds between attempts to connect to the writer."""
    reader_limit: float = _ATTEMPT_LIMIT
    """Seconds that an attempt to connect to a reader may take."""
    log: SearchLog = field(default_factory=lambda: SearchLog(logger))
    """Where the search can be followed: the logger of the plugin that searches."""

    async def writer(self, since: float, deadline: Deadline) -> Opened:
        """Connect to the host that says after `since` that it is the writer, and says so again when connected."""
        while True:
            host = await self.writer_host(since, deadline)
            async with self._turn(host, deadline) as ours:
                opened = await self.attempt_writer(host, deadline.bounded(_ATTEMPT_LIMIT)) if ours else None
            if opened:
                return opened
            since = await self._pause(deadline, self.writer_pause)

    async def reader(
        self,
        since: float,
        deadline: Deadline,
        *,
        or_writer: bool,
        select: Callable[[Sequence[HostInfo]], HostInfo],
    ) -> Opened:
        """Connect to one of the readers that answered after `since`, chosen by `select`.

        With `or_writer` the writer serves where no reader has answered, or where all of them are too far behind it, and
        so does a reader that has become it.
        """
        while True:
            candidates = await self.candidates(since, deadline, or_writer=or_writer)
            opened = await self._attempt_one(candidates, select, deadline) if candidates else None
            if opened and (or_writer or opened.host.role is HostRole.READER):
                return opened
            await self._discard(opened)
            since = await self._pause(deadline)

    async def candidates(self, since: float, deadline: Deadline, *, or_writer: bool) -> Sequence[HostInfo]:
        """Return the hosts among which `reader` chooses; there may be none left when they have been waited for."""
        with self.cluster.monitor.search(since):  # until they have gathered: each wait is but a part of it
            if not await self._readers(since, deadline, or_writer=or_writer):
                raise self._none(f"no {'host' if or_writer else 'reader'} of the cluster answered in time")
            await self._wait(since, deadline.bounded(_GATHERING), partial(_all_available, since=since))
        look = self.cluster.store.look
        choosable = partial(self._choosable, since=since, or_writer=or_writer)
        return look(choosable) or (or_writer and look(partial(_anybody, since=since))) or ()

    async def writer_host(self, since: float, deadline: Deadline) -> HostInfo:
        """Return the host that says after `since` that it is the writer."""
        host = await self.verified_writer(since, deadline)
        if host is None:
            raise self._none("no host of the cluster said in time that it is the writer")
        return host

    async def _attempt_one(
        self, candidates: Sequence[HostInfo], select: Callable[[Sequence[HostInfo]], HostInfo], deadline: Deadline
    ) -> Opened | None:
        host = select(candidates)
        async with self._turn(host, deadline) as ours:
            return await self.attempt(host, deadline.bounded(self.reader_limit)) if ours else None

    async def _readers(self, since: float, deadline: Deadline, *, or_writer: bool) -> Sequence[HostInfo] | None:
        choosable = partial(self._choosable, since=since, or_writer=or_writer)
        if not or_writer:
            return await self._wait(since, deadline, choosable)
        patience = deadline.bounded(_PATIENCE_WITH_READERS)
        # The writer's standing connection answers first; a reader must be connected to before it can.
        return await self._wait(since, patience, choosable) or await self._wait(
            since, deadline, partial(_anybody, since=since)
        )

    def _choosable(self, topology: Topology, *, since: float, or_writer: bool) -> Sequence[HostInfo] | None:
        """The readers that have answered; with `or_writer` the writer too where they are all too far behind it."""
        answered = topology.seen_since(since)
        readers = [host for host in answered if host.role is HostRole.READER]
        if not or_writer or eligible_readers(self.session, readers):
            return readers or None
        return answered if 0 < len(readers) < len(answered) else None

    async def verified_writer(self, since: float, deadline: Deadline) -> HostInfo | None:
        """Wait until a host says after `since` that it is the writer; None past the deadline."""
        return await self._wait(since, deadline, partial(_writer, since=since))

    async def answering(self, host: HostInfo, since: float, deadline: Deadline) -> HostInfo | None:
        """Wait until a host says after `since` who it is; None past the deadline."""
        return await self._wait(since, deadline, partial(_answered, address=host.address, since=since))

    async def attempt_writer(self, host: HostInfo, deadline: Deadline) -> Opened | None:
        """Connect to a host; None if it cannot be reached, or does not say that it is the writer."""
        opened = await self.attempt(host, deadline)
        if opened and opened.host.role is HostRole.WRITER:
            return opened
        await self._discard(opened)
        return None

    async def attempt(self, host: HostInfo, deadline: Deadline) -> Opened | None:
        """Connect to a host; None if it cannot be reached. Any other error of the driver's is raised."""
        session, began = self.session, time.monotonic()
        try:
            opened = await session.open(host, below=self.below, deadline=deadline)
        except session.adapter.failures as error:
            if session.classify(error) is not ErrorKind.NETWORK:
                raise
            self.log.misses(host, error, began)
            self.cluster.store.mark_unavailable(host.address)
            return None
        self.log.connects(opened.host, began)
        return opened

    def _turn(self, host: HostInfo, deadline: Deadline) -> AbstractAsyncContextManager[bool]:
        # Where many connections of the process have lost their host, a few at a time turn to the next one.
        return place(self.session.io, self.cluster.door(host.address, self.session.io.lane()), deadline)

    async def _wait(self, since: float, deadline: Deadline, accept: Callable[[Topology], T | None]) -> T | None:
        session, began = self.session, time.monotonic()
        session.join_cluster()  # the monitor may have no other credentials: this may be the first connection

        def look(topology: Topology) -> tuple[T | None] | None:
            found = accept(topology)
            return (found,) if found is not None or session.closed else None

        self.log.asks(self.cluster)
        with self.cluster.monitor.search(since):
            answer = await wait_topology(session.io, self.cluster.store, look, deadline)
            self.log.hears(self.cluster, since, began)
        if session.closed:
            raise NoHostFoundError("the connection was closed meanwhile")
        return answer[0] if answer else None

    async def _pause(self, deadline: Deadline, pause: float = 0.0) -> float:
        """Wait before the next attempt, and return the time since which answers count for it."""
        await self.session.io.sleep(min(max(pause, self.cluster.monitor.pace.searching), deadline.remaining()))
        return time.monotonic()

    def _none(self, what: str) -> NoHostFoundError:
        reasons = "; ".join(f"{address}: {reason}" for address, reason in self.cluster.monitor.reasons.items())
        return NoHostFoundError(f"{what} ({reasons})" if reasons else what)

    async def _discard(self, opened: Opened | None) -> None:
        if opened is not None:
            await self.session.discard(opened)


def _writer(topology: Topology, *, since: float) -> HostInfo | None:
    verified_at = topology.writer_verified_at
    return topology.writer if verified_at is not None and verified_at > since else None


def _answered(topology: Topology, *, address: str, since: float) -> HostInfo | None:
    return next((host for host in topology.seen_since(since) if host.address == address), None)


def _all_available(topology: Topology, *, since: float) -> bool | None:
    answered = topology.seen_since(since)
    expected = (host for host in topology.hosts if host.availability is HostAvailability.AVAILABLE)
    return all(host in answered for host in expected) or None


def _anybody(topology: Topology, *, since: float) -> Sequence[HostInfo] | None:
    return topology.seen_since(since) or None
