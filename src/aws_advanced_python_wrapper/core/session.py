"""The state of one wrapped connection, and the path of its calls."""

from __future__ import annotations

import logging
import math
import weakref
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.endpoint import Endpoint, EndpointType, analyse
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.aside import Aside
from aws_advanced_python_wrapper.core.identification import Locator
from aws_advanced_python_wrapper.core.io import Io, run
from aws_advanced_python_wrapper.core.leases import give_back, note_switch, open_leased, provider_for
from aws_advanced_python_wrapper.core.observation import MonitorCredentials
from aws_advanced_python_wrapper.core.plugin import CallNext, ConnectNext, Failure, Opened, Plugin, overrides
from aws_advanced_python_wrapper.core.refusals import classify_opening
from aws_advanced_python_wrapper.core.session_state import SessionState
from aws_advanced_python_wrapper.core.weak import WeakCollection
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.adapter import DriverAdapter, ErrorKind, RawConnection, TransactionSource
from aws_advanced_python_wrapper.parameters.database import AUXILIARY_QUERY_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.network import CONNECT_TIMEOUT, SOCKET_TIMEOUT
from aws_advanced_python_wrapper.parameters.session import ROLLBACK_ON_SWITCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aws_advanced_python_wrapper.cluster.directory import Cluster, Credentials
    from aws_advanced_python_wrapper.driver.adapter import RawCursor
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Replaceable(Protocol):
    """What a session must tell when its connection is replaced: its cursors."""

    @property
    def target_cursor(self) -> RawCursor:
        """The driver's own cursor."""
        ...

    def become_stale(self, reason: str) -> None:
        """Answer every further call with an error that gives the reason."""
        ...


class _NotConnected:
    """No transaction is open before there is a connection."""

    transaction_status = 0


class Session:
    """Everything about one wrapped connection: the raw connection of the moment, its host, its plugins."""

    def __init__(
        self, settings: Settings, adapter: DriverAdapter, io: Io, plugin_classes: Sequence[type[Plugin]]
    ) -> None:
        self.settings = settings
        self.adapter = adapter
        self.io = io
        self.endpoint: Endpoint = analyse(settings.host)
        # Behind an RDS Proxy there is one endpoint that fails over by itself.
        proxied = self.endpoint.type in (EndpointType.PROXY, EndpointType.PROXY_ENDPOINT)
        wanted = not proxied and any(plugin.needs_topology for plugin in plugin_classes)
        self._locator = Locator(settings, self.endpoint, adapter) if wanted else None
        self.raw: RawConnection = None
        self.current: Opened
        self.host = HostInfo(self.endpoint.host, settings.port or adapter.default_port, HostRole.UNKNOWN)
        self.transaction_status = 0
        self._lost_in_transaction: RawConnection = None
        self._aside: Aside | None = None
        self.running: list[float] = []
        """Monotonic times, in seconds, at which the calls began that have not returned yet."""
        self.wanted_role: HostRole | None = None
        self.heading_for: tuple[str, float] | None = None
        self.closed = False
        self._era = CLUSTERS.era
        self._cursors: WeakCollection[Replaceable] = WeakCollection()
        self._lock = io.lock()
        self.plugin_codes = frozenset(getattr(plugin, "code", plugin.__name__) for plugin in plugin_classes)
        self._credentials: Credentials | None = None
        self.state = SessionState(settings, adapter, io)
        # Plugins know their session weakly: without a cycle, a dropped connection is collected at once.
        proxy: Session = weakref.proxy(self)
        self.plugins = [plugin_class(proxy) for plugin_class in plugin_classes]
        self._wrapping = tuple(p for p in self.plugins if overrides(p, "execute"))
        self._following = tuple(p for p in self.plugins if overrides(p, "connected"))
        # The plugin nearest to the driver hears of an error first, as it would if the calls were nested.
        self._routing = [p for p in self.plugins if overrides(p, "on_read_only")]
        self._on_error = [p for p in reversed(self.plugins) if overrides(p, "on_error")]
        self._transaction: TransactionSource = _NotConnected()

    # The path of a call: `call` is the hot path of the blocking flavour, `acall` its asyncio twin. Unless plugins wrap
    # calls, one costs a question to the driver's own memory, a look at the clock and a few attribute accesses. Host
    # monitoring reads the list from another thread: several callers may share it, as `append` and `remove` are atomic.

    def call(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Make a call of the program's that may touch the network; raises what the driver raises, or an outcome."""
        if self._era != CLUSTERS.era:
            self._attach()
        status = self.transaction_status = self._transaction.transaction_status
        began, running = monotonic(), self.running
        running.append(began)
        try:
            try:
                if self._wrapping:
                    return run(self._wrapped(function)(*args, **kwargs))  # type: ignore[no-any-return]
                # Most calls have no keywords, and are quicker without any.
                return function(*args, **kwargs) if kwargs else function(*args)
            finally:
                running.remove(began)
        except Exception as error:
            run(self.recover(function, error, status))
            raise

    async def acall(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make a call of the program's, asyncio flavour."""
        if self._era != CLUSTERS.era:
            self._attach()
        status = self.transaction_status = self._transaction.transaction_status
        began, running = monotonic(), self.running
        running.append(began)
        try:
            try:
                if self._wrapping:
                    return await self._wrapped(function)(*args, **kwargs)
                return await function(*args, **kwargs)
            finally:
                running.remove(began)
        except Exception as error:
            await self.recover(function, error, status)
            raise

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Count what is done inside as a running call, from whose error nothing is to be recovered."""
        began = monotonic()
        self.running.append(began)
        try:
            yield
        finally:
            self.running.remove(began)

    def _wrapped(self, function: Callable[..., Any]) -> CallNext:
        proceed: CallNext = partial(self.io.call, function)
        for plugin in reversed(self._wrapping):
            proceed = partial(plugin.execute, function, proceed)
        return proceed

    async def recover(self, function: Callable[..., Any], error: Exception, status: int) -> None:
        """Let the plugins deal with an error; returns where the program is to see it as it is.

        `status` is the transaction status when the call began. The session's may be another caller's by now.
        """
        if not self._on_error:
            return
        owner = getattr(function, "__self__", None)
        failed = self.raw if owner is None else self.adapter.connection_of(owner)
        kind = self.adapter.classify(error, failed)
        if kind is ErrorKind.OTHER:
            return
        at = monotonic()
        in_transaction = failed is self._lost_in_transaction or self.adapter.was_in_transaction(failed, status)
        if in_transaction and self.adapter.is_closed(failed):
            # Should the failover be interrupted, the next call makes up for it: the driver knows of none by then.
            self._lost_in_transaction = failed
        async with self._lock:
            if self.closed:  # by the program, or by another caller's failover that has failed meanwhile
                return
            failure = Failure(error, kind, in_transaction, at, superseded=failed is not self.raw)
            for plugin in self._on_error:
                await plugin.on_error(failure)

    async def route(self, read_only: bool) -> None:
        """Let the plugins move the session to where read-only transactions belong, or all others."""
        if not self._routing:
            return
        if self._era != CLUSTERS.era:
            self._attach()
        async with self._lock:
            for plugin in self._routing:
                await plugin.on_read_only(read_only)

    # Connecting and switching

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that this session belongs to; None where no plugin asks for it, or the database knows none."""
        return self._locator.cluster if self._locator else None

    async def connect(self) -> None:
        """Open the first connection, to the host that the settings name."""
        try:
            self._adopt(await self.open(self.host))
        except BaseException:
            self.release()
            raise

    async def open(self, host: HostInfo, *, below: Plugin | None = None, deadline: Deadline | None = None) -> Opened:
        """Open a connection through the plugins, or only through those between `below` and the driver.

        The deadline holds beside the user's `connect_timeout`; the driver rounds it up to whole seconds, at least two.
        """
        chain = self.plugins if below is None else self.plugins[self.plugins.index(below) + 1 :]
        proceed: ConnectNext = partial(self._open_raw, deadline=deadline or Deadline.never())
        for plugin in reversed(chain):
            if overrides(plugin, "connect"):
                proceed = partial(plugin.connect, proceed=proceed)
        return await proceed(host)

    async def _open_raw(self, host: HostInfo, deadline: Deadline) -> Opened:
        settings = self.settings
        if deadline.remaining() < math.inf:
            limit = max(2, math.ceil(deadline.remaining()))
            settings = settings.with_driver(connect_timeout=min(settings[CONNECT_TIMEOUT] or limit, limit))
        arguments = self.adapter.arguments(settings, host.host, host.port)
        provider = provider_for(self.io, host, arguments)
        if provider is not None:
            return await open_leased(self, provider, host, arguments, deadline)
        opened = Opened(await self.adapter.open(self.io, arguments), host)
        try:
            return await self.identify(opened, deadline)
        except BaseException:
            await self.discard(opened)
            raise

    async def identify(self, opened: Opened, deadline: Deadline) -> Opened:
        """Limit the waits of a connection as the user wants it, and have it say, where needed, who it leads to."""
        limit = self.settings[SOCKET_TIMEOUT]
        if limit is not None:
            self.adapter.limit_waits(opened.raw, limit, opened.host.address)
        if self._locator is None:
            return opened
        return replace(opened, host=await self._locator.identify(self.io, opened.raw, opened.host, deadline))

    async def ask(self, raw: RawConnection, sql: str, deadline: Deadline) -> None:
        """Run one of our own queries on a connection that nobody else uses, and take any answer."""
        await self.adapter.query(self.io, raw, sql, deadline.bounded(self.settings[AUXILIARY_QUERY_TIMEOUT_SEC]))

    def classify(self, error: BaseException) -> ErrorKind:
        """Tell what an error means that was raised while a connection was being opened."""
        return classify_opening(self.adapter, self._locator.dialect if self._locator else None, error)

    async def switch(self, opened: Opened, reason: str) -> None:
        """Go on with another connection: state moves over, the old connection and its cursors end.

        Raises what it costs to give the new connection the session's state, which is as `exchange` raises it.
        """
        if not self.closed:
            await self._prepare(opened)
        if not self.closed:
            old = self._replace(opened)
            try:
                await self.discard(old)
                await self._discard_aside()
            finally:  # the caller's task may be cancelled here, and the cursors have ended nevertheless
                self._end_cursors(reason)
        if self.closed:  # by another thread, which may have seen the old connection only
            await self.discard(opened)

    async def exchange(self, opened: Opened, reason: str) -> Opened:
        """Go on with another connection, and return the old one, which stays open and is the caller's from now on.

        Raises what comes of giving the new connection the session's state, and ProgrammingError while a transaction is
        open that is not to be rolled back. The new connection has ended then, and the session goes on with the old one.
        """
        in_transaction = self.adapter.was_in_transaction(self.raw, self._transaction.transaction_status)
        if in_transaction and not self.settings[ROLLBACK_ON_SWITCH]:
            await self.discard(opened)
            raise self.adapter.errors.ProgrammingError(
                f"can't leave {self.host.address} now: a transaction is open, and rollback_on_switch is false"
            )
        await self._prepare(opened)
        if in_transaction:
            with suppress(self.adapter.errors.Error):  # a lost connection is rolled back by its server
                await self.io.call(self.raw.rollback)
        await self._close_cursors_at_server()
        old = self._replace(opened)
        self._end_cursors(reason)
        return old

    async def _close_cursors_at_server(self) -> None:
        """Close what would stay open there while the connection is aside: cursors WITH HOLD."""
        for cursor in self.cursors:
            if not self.adapter.rows_are_local(cursor.target_cursor):
                with self.noted(), suppress(self.adapter.errors.Error):
                    await self.io.call(cursor.target_cursor.close)

    def put_aside(self, opened: Opened) -> None:
        """Keep a connection that the session has left open for later; it ends with a failover and with the session."""
        self._aside = Aside(opened, self)

    def take_aside(self) -> Aside | None:
        """Take back the connection that was put aside, usable or not: it is the caller's from now on."""
        aside, self._aside = self._aside, None
        return aside

    async def _discard_aside(self) -> None:
        if aside := self.take_aside():
            await aside.discard(self)

    def _replace(self, opened: Opened) -> Opened:
        old = self.current
        self.adapter.move_additions(old.raw, opened.raw)
        self._adopt(opened)
        return old

    async def _prepare(self, opened: Opened) -> None:
        """Give a connection the state of the one that it is to replace, or end it."""
        try:
            note_switch(self, opened)
            await self.state.transfer(self.raw, opened.raw)
        except BaseException:
            await self.discard(opened)
            raise

    def _end_cursors(self, reason: str) -> None:
        cursors, self._cursors = self._cursors, WeakCollection()
        for cursor in cursors:
            cursor.become_stale(reason)

    def _adopt(self, opened: Opened) -> None:
        # First the host, then the connection: who reads host, connection and the same host again has read what belongs
        # together.
        self.current = opened
        self.host, self.heading_for = opened.host, None
        self.raw = opened.raw
        self.transaction_status = 0
        self._lost_in_transaction = None
        self._transaction = self.adapter.transaction_source(opened.raw)
        self._attach()

    def _attach(self) -> None:
        """Have the connection of the moment looked after in the background; in a new era for the first time again."""
        self._era = CLUSTERS.era
        self.join_cluster()
        if not self.closed:
            for plugin in self._following:
                plugin.connected(Opened(self.raw, self.host))

    def join_cluster(self) -> None:
        """Have the cluster's topology kept up to date, with this session's credentials, while the session lives."""
        if self.cluster is not None and not self.closed:
            self.cluster.join(self)

    @property
    def credentials(self) -> Credentials:
        """What the monitor of the cluster may use while this session lives."""
        if self.cluster is None:
            raise LookupError("a session without cluster has nothing to lend to a monitor")
        # No cached_property: before Python 3.12 its lock is one for all sessions, and held for ever in a forked child.
        if self._credentials is None:
            self._credentials = MonitorCredentials(self.settings, self.adapter.blocking(), self.cluster)
        return self._credentials

    @property
    def cursors(self) -> list[Replaceable]:
        """The cursors that work on the raw connection of the moment, as far as somebody still has them."""
        return list(self._cursors)

    def add_cursor(self, cursor: Replaceable) -> None:
        """Remember a cursor that works on the raw connection of the moment."""
        self._cursors.add(cursor)

    async def give_up(self) -> None:
        """Close the session with its connection: no host is left for it."""
        self.release()
        try:
            await self._discard_aside()
        finally:
            await self.discard(self.current)

    async def end(self) -> None:
        """Close the session and its connection, as the program asks for; once more does nothing."""
        self.release()
        try:
            if aside := self.take_aside():
                await aside.leave(self)
        finally:
            await self._leave_for_good()

    async def _leave_for_good(self) -> None:
        opened = self.current
        if opened.lease is None:
            await self.leave(opened)
            return
        # The program may keep its objects: nothing that it does with them may reach the next user.
        self.current = Opened(self.adapter.closed_twin(opened.raw), opened.host)
        self.raw = self.current.raw
        self._transaction = self.adapter.transaction_source(self.raw)
        try:
            if all(self.adapter.rows_are_local(cursor.target_cursor) for cursor in self.cursors):
                await self.leave(opened)
            else:  # a cursor is open at the server
                await self.discard(opened)
        finally:
            self._end_cursors("its connection was closed")

    async def leave(self, opened: Opened) -> None:
        """Close a connection that works and that nobody needs any more, or give it back to its pool."""
        if opened.lease is not None:
            await give_back(self, opened)
        else:
            await self.io.call(opened.raw.close)

    async def discard(self, opened: Opened) -> None:
        """End a connection that nobody uses any more, without waiting for its host."""
        self.adapter.abort(opened.raw)
        try:
            await self.adapter.close(self.io, opened.raw)
        except self.adapter.errors.Error as error:
            logger.debug("closing a discarded connection: %s", error)
        finally:
            if opened.lease is not None:
                opened.lease.invalidate()

    def release(self) -> None:
        """Let go of plugins and cluster; the caller closes the raw connection."""
        if self.closed:
            return
        self.closed = True
        for plugin in self.plugins:
            plugin.close()
        if self.cluster is not None:
            self.cluster.leave(self)
            self.cluster.store.wake()  # a thread of the program's may be waiting for a host on behalf of this session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host!r} {'closed' if self.closed else 'open'}>"
