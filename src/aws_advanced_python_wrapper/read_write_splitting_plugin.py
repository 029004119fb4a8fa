"""Read/write splitting: one connection of the program's, which works on a reader while it is read-only.

Setting `read_only` moves the session between the writer and a reader that is chosen once and kept. The side that is not
in use stays open, so that moving back and forth costs no connecting. Each connection says itself, when it is opened,
whether it leads to a writer or a reader; a side that is kept serves again only while the topology still says the same.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.core.plugin import Phase, Plugin, SessionView
from aws_advanced_python_wrapper.core.search import HostSearch, NoHostFoundError
from aws_advanced_python_wrapper.core.search_log import SearchLog
from aws_advanced_python_wrapper.core.selection import eligible_readers, host_choice
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.errors import ReadWriteSplittingError
from aws_advanced_python_wrapper.parameters.failover import FAILOVER_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.host_selection import READER_HOST_SELECTOR_STRATEGY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.core.opened import Opened

logger = logging.getLogger(__name__)

# Seconds that one attempt may take, to a reader or to the writer that is known; then another host is looked for.
_ATTEMPT_LIMIT = 5.0
# Seconds after which read-only work stays on the writer, when readers do not answer.
_PATIENCE_WITH_READERS = 20.0

# Seconds that a vain search for readers may cost each time.
_TEDIOUS = 0.5

# Attempts to connect to each reader before the writer serves.
_TRIES = 2

# SQLSTATE "active SQL transaction": what cannot be changed now, because a transaction is open.
_IN_TRANSACTION = "25001"


class ReadWriteSplittingPlugin(Plugin):
    """The plugin `read_write_splitting`."""

    code = "read_write_splitting"
    phase = Phase.ROUTING
    group = "read/write splitting"
    needs_topology = True

    def __init__(self, session: SessionView) -> None:
        super().__init__(session)
        self._select = host_choice(session, READER_HOST_SELECTOR_STRATEGY)
        self._timeout = session.settings[FAILOVER_TIMEOUT_SEC]
        self._no_search_before = 0.0
        self._told = False

    async def on_read_only(self, read_only: bool) -> None:
        """Move to a reader, or to the writer.

        Raises `ReadWriteSplittingError` if the connection is closed, or lost and not replaced by a plugin, and, where
        the writer is wanted, if a transaction is open on a reader or the writer cannot be reached.
        """
        session = self.session
        if session.closed or session.adapter.is_closed(session.raw):
            raise self._error(f"the connection to {session.host.address} is closed or lost. Open a new one")
        if session.cluster is None:
            return
        role = HostRole.READER if read_only else HostRole.WRITER
        if not _serves(session.host, role, session.cluster):
            if self._is_busy:
                self._refuse(role)
                return
            await self._move_to(role, session.cluster)
        session.wanted_role = role

    @property
    def _is_busy(self) -> bool:
        """Whether the connection cannot be left now: for the session's transaction, or a call of another thread's."""
        session = self.session
        return bool(session.running) or session.adapter.is_busy(session.raw)

    def _refuse(self, role: HostRole) -> None:
        """Stay where the session is: the driver itself refuses to make an open transaction read-only."""
        if role is HostRole.READER:
            return
        error = self._error(
            f"a transaction, or another call, is open on reader {self.session.host.address}. "
            "Commit or roll back first, and leave pipelines and cursors' streams"
        )
        error.sqlstate = _IN_TRANSACTION
        raise error

    def _error(self, reason: str) -> ReadWriteSplittingError:
        return self.session.adapter.error(ReadWriteSplittingError, f"read_only cannot be set: {reason}.")

    # Moving

    async def _move_to(self, role: HostRole, cluster: Cluster) -> None:
        """Go on with the connection that was put aside if it is right for the role, or else with a new one."""
        session = self.session
        before, session.wanted_role = session.wanted_role, role  # what opens connections must know
        try:
            if await self._go_back(role, cluster):
                return
            opened = await (self._reader(cluster) if role is HostRole.READER else self._writer(cluster))
            if opened is not None:
                await self._go_on_with(opened)
        except BaseException:
            session.wanted_role = before
            raise

    async def _go_back(self, role: HostRole, cluster: Cluster) -> bool:
        """Go on with the connection that was put aside; False if there is none, or it proves to be lost."""
        kept = await self._kept(role, cluster)
        if kept is None:
            return False
        try:
            await self._go_on_with(kept)
        except self.session.adapter.failures as error:
            if self.session.classify(error) is not ErrorKind.NETWORK:
                raise
            return False
        return True

    async def _kept(self, role: HostRole, cluster: Cluster) -> Opened | None:
        """Take back the connection that was put aside; one that is of no use any more is ended."""
        aside = self.session.take_aside()
        if aside is None:
            return None
        if self._still_serves(aside.opened.host, role, cluster) and aside.is_usable:
            return aside.opened
        await self.session.discard(aside.opened)
        return None

    def _still_serves(self, host: HostInfo, role: HostRole, cluster: Cluster) -> bool:
        """Tell whether a new connection for the role might lead to that host just as well."""
        topology = cluster.store.current
        found = topology.find(host.address) if topology else None
        if found is None or found.availability is not HostAvailability.AVAILABLE or not _serves(host, role, cluster):
            return False
        return role is HostRole.WRITER or bool(eligible_readers(self.session, [found]))

    async def _go_on_with(self, opened: Opened) -> None:
        session = self.session
        new, old = opened.host.address, session.host.address
        try:
            reason = f"the session has moved from {old} to {new}"
            left = await session.exchange(opened, reason, read_only=session.wanted_role is HostRole.READER)
        except BaseException:
            if session.current is not opened:  # else it is the session's already
                await session.discard(opened)
            raise
        if left.lease is None:
            session.put_aside(left)
        elif session.running:  # another thread has begun a call meanwhile, perhaps on this connection
            await session.discard(left)
        else:  # others may need it, and the pool has one at hand for the way back
            await session.leave(left)
        if session.closed:  # by another thread, which may not have seen both
            await self._end_both(opened)
        logger.debug("moved from %s to %s", old, new)

    async def _end_both(self, opened: Opened) -> None:
        if aside := self.session.take_aside():
            await self.session.discard(aside.opened)
        await self.session.discard(opened)
        raise self._error("the connection was closed meanwhile. Open a new one")

    # Opening a connection

    def _search(self, cluster: Cluster) -> HostSearch:
        return HostSearch(self.session, cluster, self, log=SearchLog(logger))

    async def _writer(self, cluster: Cluster) -> Opened:
        """Connect to the writer that is known, or else to the one that the hosts name."""
        session, deadline, search = self.session, Deadline.after(self._timeout), self._search(cluster)
        failures: tuple[type[Exception], ...] = (NoHostFoundError, *session.adapter.failures)
        began = time.monotonic()
        topology = cluster.store.current
        try:
            if topology and topology.writer:
                opened = await search.attempt_writer(topology.writer, deadline.bounded(_ATTEMPT_LIMIT))
                if opened:
                    return opened
            return await search.writer(began, deadline)
        except failures as error:
            raise self._error(
                f"the writer could not be reached within {self._timeout:g} s ({error}). "
                f"The session stays on {session.host.address}; set read_only again later, or open a new connection"
            ) from error

    async def _reader(self, cluster: Cluster) -> Opened | None:
        """Connect to a reader, or go back to the writer; None if the session is on the writer already."""
        began = time.monotonic()
        if began >= self._no_search_before:
            opened = await self._any_reader(cluster)
            if opened is not None:
                self._told = False
                return opened
            spent = time.monotonic() - began
            if spent > _TEDIOUS:
                # Who goes on asking for readers that do not answer waits for them half of the time, not all of it.
                self._no_search_before = began + 2 * spent
        self._tell()
        return None if _is_writer(self.session.host, cluster) else await self._writer(cluster)

    async def _any_reader(self, cluster: Cluster) -> Opened | None:
        """Try the readers as the strategy chooses them, each one twice at most."""
        search = self._search(cluster)
        deadline = Deadline.after(min(self._timeout, _PATIENCE_WITH_READERS))
        tried: list[str] = []
        while not deadline.expired:
            readers = eligible_readers(self.session, _readers(cluster))
            left = [host for host in readers if tried.count(host.address) < _TRIES]
            if not left:
                break
            host = self._select([host for host in left if host.address not in tried] or left)
            tried.append(host.address)
            opened = await self._attempt(search, host, deadline.bounded(_ATTEMPT_LIMIT))
            if opened is not None:
                return opened
        return None

    async def _attempt(self, search: HostSearch, host: HostInfo, deadline: Deadline) -> Opened | None:
        """Connect to a host; None if it cannot be had, or does not say that it is a reader."""
        try:
            opened = await search.attempt(host, deadline)
        except self.session.adapter.failures as error:
            logger.debug("reader %s refused the connection: %s", host.address, error)
            return None
        if opened is None or opened.host.role is HostRole.READER:
            return opened
        await self.session.discard(opened)
        return None

    def _tell(self) -> None:
        """Warn that the writer serves in place of readers, once until a reader is found again."""
        if not self._told:
            self._told = True
            logger.warning("the cluster has no reader that serves: read-only work is done on the writer for now")


def _serves(host: HostInfo, role: HostRole, cluster: Cluster) -> bool:
    """Tell whether a connection was opened to a host of that role, and no other host has become the writer since."""
    topology = cluster.store.current
    if host.role is not role:
        return False
    if topology is None or topology.writer is None or topology.writer_verified_at is None:
        return True
    return (topology.writer.address == host.address) is (role is HostRole.WRITER)


def _is_writer(host: HostInfo, cluster: Cluster) -> bool:
    topology = cluster.store.current
    writer = topology.writer if topology else None
    return host.role is HostRole.WRITER if writer is None else writer.address == host.address


def _readers(cluster: Cluster) -> Sequence[HostInfo]:
    topology = cluster.store.current
    return topology.readers if topology else ()
