"""How the connections of a session begin and end."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.leases import give_back, open_leased, provider_for
from aws_advanced_python_wrapper.core.observation import MonitorCredentials
from aws_advanced_python_wrapper.core.opened import Opened
from aws_advanced_python_wrapper.core.plugin import ConnectNext, Plugin, overrides
from aws_advanced_python_wrapper.core.refusals import classify_opening
from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest, open_signed_in
from aws_advanced_python_wrapper.core.sign_in_again import SignInAgain
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.database import AUXILIARY_QUERY_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.cluster.directory import Cluster, Credentials
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.identification import Locator
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.session_state import SessionState
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import ErrorKind, RawConnection
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)


class SessionConnections:
    """The part of a session that opens connections, through its plugins and any pool, and ends them."""

    settings: Settings
    adapter: DriverAdapter
    sign_in: SignIn | None
    io: Io
    plugins: list[Plugin]
    running: list[float]
    state: SessionState
    _locator: Locator | None
    sign_in_again: SignInAgain | None = None
    _credentials: Credentials | None = None

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that this session belongs to; None where no plugin asks for it, or the database knows none."""
        return self._locator.cluster if self._locator else None

    @property
    def credentials(self) -> Credentials:
        """What the monitor of the cluster may use while this session lives."""
        if self.cluster is None:
            raise LookupError("a session without cluster has nothing to lend to a monitor")
        # No cached_property: before Python 3.12 its lock is one for all sessions, and held for ever in a forked child.
        if self._credentials is None:
            adapter = self.adapter.blocking()
            self._credentials = MonitorCredentials(self.settings, adapter, self.cluster, self.sign_in)
        return self._credentials

    async def open(self, host: HostInfo, *, below: Plugin | None = None, deadline: Deadline | None = None) -> Opened:
        """Open a connection through the plugins, or only through those between `below` and the driver.

        The deadline holds beside the user's `connect_timeout`; the driver rounds it up to whole seconds, at least two.
        """
        chain = self.plugins if below is None else self.plugins[self.plugins.index(below) + 1 :]
        proceed: ConnectNext = partial(self._open_raw, deadline=deadline or Deadline.never())
        for plugin in reversed(chain):
            if overrides(plugin, "connect"):
                proceed = partial(plugin.connect, proceed=proceed)
        return _returned(await proceed(host), chain)

    async def _open_raw(self, host: HostInfo, deadline: Deadline) -> Opened:
        settings = self.settings
        if deadline.remaining() < math.inf:
            limit = max(2, math.ceil(deadline.remaining()))
            seconds = self.adapter.seconds_to_connect(settings) or limit
            settings = settings.with_driver(connect_timeout=min(seconds, limit))
        opening = partial(self._open_with, host=host, deadline=deadline)
        request = CredentialsRequest(self.io, settings, host, deadline)
        return await open_signed_in(self.sign_in, self.adapter, request, opening)

    async def _open_with(self, settings: Settings, host: HostInfo, deadline: Deadline) -> Opened:
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
        self.adapter.limit_waits(opened.raw, self.settings[SOCKET_TIMEOUT], opened.host.address)
        if self.sign_in is not None:
            if self.sign_in_again is None:
                self.sign_in_again = SignInAgain(self.sign_in, self.adapter, self.io, self.settings)
            self.sign_in_again.note(opened.host)
            self.adapter.reopen_with(opened.raw, self.sign_in_again)
        return await self.located(opened, deadline)

    async def located(self, opened: Opened, deadline: Deadline) -> Opened:
        """Have a connection say who it leads to, where a plugin needs the topology."""
        if self._locator is None:
            return opened
        return replace(opened, host=await self._locator.identify(self.io, opened.raw, opened.host, deadline))

    async def ask(self, raw: RawConnection, sql: str, deadline: Deadline) -> None:
        """Run one of our own queries on a connection that nobody else uses, and take any answer."""
        await self.adapter.query(self.io, raw, sql, deadline.bounded(self.settings[AUXILIARY_QUERY_TIMEOUT_SEC]))

    def classify(self, error: BaseException) -> ErrorKind:
        """Tell what an error means that was raised while a connection was being opened."""
        return classify_opening(self.adapter, self._locator.dialect if self._locator else None, error)

    async def leave(self, opened: Opened) -> None:
        """Close a connection that works and that nobody needs any more, or give it back to its pool."""
        if opened.lease is not None:
            await give_back(self, opened)
        elif opened.inherited:
            self.adapter.abandon(opened.raw)
        else:
            await self.adapter.leave(self.io, opened.raw)

    async def discard(self, opened: Opened) -> None:
        """End a connection that nobody uses any more, without waiting for its host."""
        if opened.inherited:
            self.adapter.abandon(opened.raw)
            return
        self.adapter.abort(opened.raw)
        try:
            await self.adapter.close(self.io, opened.raw, in_use=bool(self.running))
        except self.adapter.failures as error:
            logger.debug("closing a discarded connection: %s", error)
        finally:
            if opened.lease is not None:
                opened.lease.invalidate()


def _returned(found: object, chain: Sequence[Plugin]) -> Opened:
    if not isinstance(found, Opened):
        names = ", ".join(type(plugin).__name__ for plugin in chain if overrides(plugin, "connect"))
        raise AwsWrapperError(
            f"plugins: connect of one of {names} has returned {found!r}: return what 'await proceed(host)' returns"
        )
    return found
