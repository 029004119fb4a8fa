"""One wrapped connection: what it works on at the moment, and how it goes on with another connection."""

from __future__ import annotations

import logging
import math
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.endpoint import Endpoint, EndpointType, analyse
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.aside import Aside
from aws_advanced_python_wrapper.core.call_limit import CallLimit
from aws_advanced_python_wrapper.core.identification import Locator
from aws_advanced_python_wrapper.core.leases import note_switch
from aws_advanced_python_wrapper.core.opened import Opened
from aws_advanced_python_wrapper.core.plugin import Plugin, overrides
from aws_advanced_python_wrapper.core.session_calls import SessionCalls
from aws_advanced_python_wrapper.core.session_reopening import SessionReopening
from aws_advanced_python_wrapper.core.session_state import SessionState
from aws_advanced_python_wrapper.core.weak import WeakCollection
from aws_advanced_python_wrapper.parameters.database import AUXILIARY_QUERY_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT
from aws_advanced_python_wrapper.parameters.session import ROLLBACK_ON_SWITCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import RawConnection, RawCursor, TransactionSource
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


class Session(SessionCalls, SessionReopening):
    """Everything about one wrapped connection: the raw connection of the moment, its host, its plugins."""

    def __init__(
        self,
        settings: Settings,
        adapter: DriverAdapter,
        io: Io,
        plugin_classes: Sequence[type[Plugin]],
        sign_in: SignIn | None = None,
    ) -> None:
        self.settings = settings
        self.sign_in = sign_in
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
        self.state = SessionState(settings, adapter, io)
        # Plugins know their session weakly: without a cycle, a dropped connection is collected at once.
        proxy: Session = weakref.proxy(self)
        self.plugins = [plugin_class(proxy) for plugin_class in plugin_classes]
        self._wrapping = (*(p for p in self.plugins if overrides(p, "execute")), *self._limits(proxy))
        self._following = tuple(p for p in self.plugins if overrides(p, "connected"))
        # The plugin nearest to the driver hears of an error first, as it would if the calls were nested.
        self._routing = [p for p in self.plugins if overrides(p, "on_read_only")]
        self._on_reopen = [p for p in self.plugins if overrides(p, "on_reopen")]
        self._on_error = [p for p in reversed(self.plugins) if overrides(p, "on_error")]
        self._transaction: TransactionSource = _NotConnected()

    def _limits(self, session: Session) -> Sequence[CallLimit]:
        seconds = self.settings[SOCKET_TIMEOUT]
        return () if seconds is None or self.adapter.limits_waits else (CallLimit(session, seconds),)

    async def connect(self) -> None:
        """Open the first connection, to the host that the settings name."""
        try:
            self._adopt(await self.open(self.host))
        except BaseException:
            self.release()
            raise

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

    async def exchange(self, opened: Opened, reason: str, *, read_only: bool | None = None) -> Opened:
        """Go on with another connection, and return the old one, which stays open and is the caller's from now on.

        Raises what comes of giving the new connection the session's state, and ProgrammingError while a transaction is
        open that is not to be rolled back. The new connection has ended then, and the session goes on with the old one.
        `read_only` is what the program is about to set, unless None: so the server need not be told twice.
        """
        in_transaction = self.adapter.was_in_transaction(self.raw, self._transaction.transaction_status)
        if in_transaction and not self.settings[ROLLBACK_ON_SWITCH]:
            await self.discard(opened)
            raise self.adapter.errors.ProgrammingError(
                f"can't leave {self.host.address} now: a transaction is open, and rollback_on_switch is false"
            )
        await self._prepare(opened, read_only)
        try:
            await self._finish_work(self.raw, rollback=in_transaction)
        except BaseException:
            await self.discard(opened)
            raise
        old = self._replace(opened)
        self._end_cursors(reason)
        return old

    async def _finish_work(self, raw: RawConnection, *, rollback: bool = False) -> None:
        """Close what stays open at the server, such as prepared statements; a silent host is given up."""
        cursors = [at for cursor in self.cursors if not self.adapter.rows_are_local(at := cursor.target_cursor)]
        steps = [*[raw.rollback] * rollback, *(cursor.close for cursor in cursors)]
        seconds = self.settings[AUXILIARY_QUERY_TIMEOUT_SEC] if steps else math.inf
        with self.noted(), self.io.alarm(seconds, lambda: self.adapter.abort(raw)):
            for step in steps:
                with suppress(*self.adapter.failures):  # a lost connection's server does all that by itself
                    await self.io.call(step)

    def put_aside(self, opened: Opened) -> None:
        """Keep a connection that the session has left open for later; it ends with a failover and with the session."""
        self._aside = Aside(opened, self.adapter)
        if self.cluster is not None:
            self.cluster.tracker.add(self._aside)

    def take_aside(self) -> Aside | None:
        """Take back the connection that was put aside, usable or not: it is the caller's from now on."""
        aside, self._aside = self._aside, None
        return aside

    async def _discard_aside(self) -> None:
        if aside := self.take_aside():
            await self.discard(aside.opened)

    def _replace(self, opened: Opened) -> Opened:
        old = self.current
        self.adapter.move_additions(old.raw, opened.raw)
        self._adopt(opened)
        return old

    async def _prepare(self, opened: Opened, read_only: bool | None = None) -> None:
        """Give a connection the state of the one that it is to replace, or end it."""
        try:
            note_switch(self, opened)
            await self.state.transfer(self.raw, opened.raw, read_only)
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
                plugin.connected(self.current)

    def join_cluster(self) -> None:
        """Have the cluster's topology kept up to date, with this session's credentials, while the session lives."""
        if self.cluster is not None and not self.closed:
            self.cluster.join(self)

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
                with suppress(*self.adapter.failures):  # that it is lost is nobody's concern any more
                    await self.leave(aside.opened)
        finally:
            await self._leave_for_good()

    async def _leave_for_good(self) -> None:
        opened = self.current
        if opened.lease is None:
            # To free a connection that another thread is using would end the process.
            await (self.discard if self.running else self.leave)(opened)
            return
        # The program may keep its objects: nothing that it does with them may reach the next user.
        self.current = Opened(self.adapter.closed_twin(opened.raw), opened.host)
        self.raw = self.current.raw
        self._transaction = self.adapter.transaction_source(self.raw)
        reason = "its connection was closed"
        unfinished = not self.adapter.is_between_statements(opened.raw) or any(
            self.adapter.is_open_at_server(cursor.target_cursor) for cursor in self.cursors
        )
        try:
            # A cursor that is open at the server, or that another thread is using, cannot end before its connection.
            if not (unfinished or self.running):
                await self._finish_work(opened.raw)
                self._end_cursors(reason)
            # Nobody begins a call any more; another thread that has begun one is still using the connection.
            await (self.discard if unfinished or self.running else self.leave)(opened)
        except BaseException:
            await self.discard(opened)
            raise
        finally:
            self._end_cursors(reason)

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
