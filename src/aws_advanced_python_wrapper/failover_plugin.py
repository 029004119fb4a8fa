"""Failover: when a connection is lost, go on with one to a host that works.

On a network error (or, where a writer is wanted, on the news that the host has become a reader) the plugin has all
hosts asked who they are, connects to the one that is right for the mode, and tells the program by one of three errors
what has become of its work. On connect it sees to it that a cluster's writer endpoint leads to the writer, whatever DNS
says.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.endpoint import EndpointType
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.plugin import ConnectNext, Failure, Phase, Plugin, SessionView
from aws_advanced_python_wrapper.core.search import HostSearch, NoHostFoundError
from aws_advanced_python_wrapper.core.search_log import SearchLog
from aws_advanced_python_wrapper.core.selection import host_choice
from aws_advanced_python_wrapper.core.writer_endpoint import WriterConnect, is_writer_endpoint
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.errors import (
    AwsWrapperError,
    FailoverError,
    FailoverFailedError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
    first_line,
)
from aws_advanced_python_wrapper.parameters.failover import (
    ENABLE_CONNECT_FAILOVER,
    ENABLE_FAILOVER,
    FAILOVER_MODE,
    FAILOVER_READER_CONNECT_TIMEOUT_SEC,
    FAILOVER_READER_HOST_SELECTOR_STRATEGY,
    FAILOVER_TIMEOUT_SEC,
    FAILOVER_WRITER_RECONNECT_INTERVAL_SEC,
)
from aws_advanced_python_wrapper.parameters.session import TRANSFER_SESSION_STATE_ON_SWITCH

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.core.opened import Opened

logger = logging.getLogger(__name__)

# Seconds that the hosts have to say whether a host that takes no writes is still the writer.
_VERDICT = 5.0
# Seconds that the host of a session that reads has to answer, before another one is looked for in its place.
_LOYALTY = 1.0


class FailoverPlugin(Plugin):
    """The plugin `failover`; `failover_v2` and `failover2` are other names of it."""

    code = "failover"
    phase = Phase.FAILOVER
    group = "failover"
    covers = frozenset({"stale_dns"})
    needs_topology = True

    def __init__(self, session: SessionView) -> None:
        super().__init__(session)
        settings = session.settings
        self._enabled = settings[ENABLE_FAILOVER]
        self._timeout = settings[FAILOVER_TIMEOUT_SEC]
        self._select = host_choice(session, FAILOVER_READER_HOST_SELECTOR_STRATEGY)

    @property
    def _mode(self) -> str:
        """As the user says; else a program that reads is served by any host, and all others by the writer."""
        session = self.session
        reads = session.endpoint.type is EndpointType.READER
        if session.wanted_role is not None:
            reads = session.wanted_role is HostRole.READER
        return session.settings[FAILOVER_MODE] or ("reader_or_writer" if reads else "strict_writer")

    # Opening a connection

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Open a connection; the writer endpoint is opened at the true writer, and nowhere else."""
        began = time.monotonic()
        try:
            if is_writer_endpoint(self.session, host):
                return await WriterConnect(self.session, self._search, began, self._timeout).open(host, proceed)
            return await proceed(host)
        except NoHostFoundError as error:
            raise self._failed(str(error)) from None
        except self.session.adapter.failures as error:
            if not self._may_fail_over_at_connect(error):
                raise
            logger.debug("cannot connect to %s (%s); failing over, mode %s", host.host, first_line(error), self._mode)
            return await self._find(began, Deadline.after(self._timeout))

    def _may_fail_over_at_connect(self, error: Exception) -> bool:
        session = self.session
        if not (self._enabled and session.cluster and session.settings[ENABLE_CONNECT_FAILOVER]):
            return False
        return not isinstance(error, FailoverError) and session.classify(error) is ErrorKind.NETWORK

    # The program has its connection opened again

    async def on_reopen(self) -> HostInfo | None:
        """Wait for the host to which a failover would lead; one that reads stays where it is if it can."""
        session, began = self.session, time.monotonic()
        if not self._enabled or session.cluster is None:
            return None
        search, deadline = self._search(), Deadline.after(self._timeout)
        try:
            if self._mode == "strict_writer":
                return await search.writer_host(began, deadline)
            or_writer = self._mode == "reader_or_writer"
            same = await search.answering(session.host, began, deadline.bounded(_LOYALTY))
            if same is not None and (or_writer or same.role is HostRole.READER):
                return same
            hosts = await search.candidates(began, deadline, or_writer=or_writer)
        except NoHostFoundError as error:
            raise self._failed(str(error)) from None
        return self._select(hosts) if hosts else None

    # A call has failed

    async def on_error(self, failure: Failure) -> None:
        """Fail over if that is what the error calls for; then one of the three outcomes is raised."""
        if not self._enabled or self.session.cluster is None or failure.kind is ErrorKind.LOGIN:
            return
        if failure.superseded:
            logger.debug("another call has moved the session to %s already", self.session.host.address)
            raise self._outcome(failure) from failure.error
        if failure.kind is ErrorKind.READ_ONLY and not await self._was_demoted(failure):
            return
        await self._fail_over(self.session.cluster, failure)

    async def _was_demoted(self, failure: Failure) -> bool:
        """Tell a writer that has become a reader from a transaction that the program made read-only itself."""
        host = self.session.host
        if self._mode != "strict_writer" or host.role is not HostRole.WRITER:
            return False
        logger.debug("%s takes no writes (%s); is it the writer?", host.address, first_line(failure.error))
        writer = await self._search().verified_writer(failure.at, Deadline.after(min(self._timeout, _VERDICT)))
        return writer is not None and writer.address != host.address

    async def _fail_over(self, cluster: Cluster, failure: Failure) -> None:
        lost, reason = self.session.host.address, first_line(failure.error)
        where = ", in a transaction" if failure.in_transaction else ""
        logger.debug("lost the connection to %s (%s)%s; failing over, mode %s", lost, reason, where, self._mode)
        if failure.kind is ErrorKind.NETWORK:
            cluster.store.mark_unavailable(lost)
        # No outcome is kept in a variable beyond its block: it would keep the session, which its traceback leads to.
        try:
            await self._move(cluster, lost, failure.at)
        except FailoverFailedError as error:
            if self.session.closed:
                return
            await self._give_up(error, lost, failure)
            raise error from error.__cause__ or failure.error
        except self.session.adapter.failures as error:
            await self._give_up(error, lost, failure)
            why = error if isinstance(error, AwsWrapperError) else f"a host refused the connection: {error}"
            raise self._failed(str(why)) from failure.error
        if self.session.closed:
            return
        host, seconds = self.session.host.address, time.monotonic() - failure.at
        told = (TransactionResolutionUnknownError if failure.in_transaction else FailoverSuccessError).__name__
        logger.info("failed over from %s to %s in %.3f s: the program gets %s", lost, host, seconds, told)
        raise self._outcome(failure) from failure.error

    async def _give_up(self, error: Exception, lost: str, failure: Failure) -> None:
        await self.session.give_up()
        seconds = time.monotonic() - failure.at
        logger.warning("could not fail over from %s, after %.3f s: %s", lost, seconds, first_line(error))

    async def _move(self, cluster: Cluster, lost: str, since: float) -> None:
        """Find the right host and go on with it; to lose it before it has the session's state is a failed attempt."""
        deadline = Deadline.after(self._timeout)
        while not await self._moved_to(await self._find(since, deadline), cluster, lost):
            since = time.monotonic()

    async def _moved_to(self, opened: Opened, cluster: Cluster, lost: str) -> bool:
        address, began, session = opened.host.address, time.monotonic(), self.session
        reason = f"the connection to {lost} was lost and the session goes on with {address}"
        try:
            await session.switch(opened, reason)
        except Exception as error:
            if session.classify(error) is not ErrorKind.NETWORK:
                raise self._failed(f"{address} could not be given the session's state: {error}") from error
            cluster.store.mark_unavailable(address)
            return False
        carried = "with" if session.settings[TRANSFER_SESSION_STATE_ON_SWITCH] else "without"
        logger.debug("moved the session to %s, %s its state; took %.3f s", address, carried, time.monotonic() - began)
        return True

    def _outcome(self, failure: Failure) -> FailoverError:
        adapter, address = self.session.adapter, self.session.host.address
        if failure.in_transaction:
            return adapter.error(
                TransactionResolutionUnknownError,
                f"The connection was lost and now leads to {address}. A transaction was open, which may or may not "
                "have been committed: check what it has done, and run it again with a new cursor.",
            )
        return adapter.error(
            FailoverSuccessError,
            f"The connection was lost and now leads to {address}. Open a new cursor and run the statement again.",
        )

    def _failed(self, reason: str) -> FailoverFailedError:
        return self.session.adapter.error(
            FailoverFailedError,
            f"Failover gave up after at most {self._timeout:g} s: {reason.rstrip('.')}. Open a new connection.",
        )

    # Finding the right host

    async def _find(self, since: float, deadline: Deadline) -> Opened:
        search = self._search()
        try:
            if self._mode == "strict_writer":
                return await search.writer(since, deadline)
            or_writer = self._mode == "reader_or_writer"
            return await search.reader(since, deadline, or_writer=or_writer, select=self._select)
        except NoHostFoundError as error:
            raise self._failed(str(error)) from None

    def _search(self) -> HostSearch:
        session = self.session
        if session.cluster is None:
            raise LookupError("only a session that knows its cluster can search it")
        return HostSearch(
            session,
            session.cluster,
            self,
            writer_pause=session.settings[FAILOVER_WRITER_RECONNECT_INTERVAL_SEC] or 0.0,
            reader_limit=session.settings[FAILOVER_READER_CONNECT_TIMEOUT_SEC],
            log=SearchLog(logger),
        )
