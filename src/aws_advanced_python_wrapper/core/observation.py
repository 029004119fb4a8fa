"""The driver's own connections: opened with a session's settings, and asked in background threads."""

from __future__ import annotations

import contextlib
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.cluster.background import RefusedError
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.refusals import classify_opening
from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest, open_signed_in
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS, ErrorKind, RawConnection
from aws_advanced_python_wrapper.parameters.catalogue import TOPOLOGY_MONITORING
from aws_advanced_python_wrapper.parameters.database import AUXILIARY_QUERY_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.network import SOCKET_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.cluster.topology import Observation
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.database.dialect import Dialect
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import Rows
    from aws_advanced_python_wrapper.properties import Settings

# Seconds. A monitor that waits for a frozen host learns nothing, so its connections give up early, unless the user says
# otherwise with topology-monitoring-connect_timeout.
_CONNECT_TIMEOUT = 5


def background_settings(settings: Settings, adapter: DriverAdapter, purpose: str, **defaults: Any) -> Settings:
    """Return a user's settings for the driver's own connections, without what shapes the user's own sessions."""
    # The socket_timeout of the user's own connections, whose statements may take long, says nothing about these.
    defaults = {**adapter.neutral_parameters, SOCKET_TIMEOUT.name: None, **defaults}
    # A password that the user gave these is no token.
    no_token = {ONLY_OVER_TLS} if settings.has_own(purpose, "password") else set()
    return settings.for_monitoring(purpose, without=adapter.session_parameters | no_token, **defaults)


def background_sign_in(sign_in: SignIn | None, settings: Settings, purpose: str) -> SignIn | None:
    """Return how the connections of a purpose sign in; None where the user gave these a password of their own."""
    return None if settings.has_own(purpose, "password") else sign_in


class BackgroundCredentials:
    """A session's settings for the connections of one purpose, and how to open them in a thread."""

    def __init__(
        self,
        settings: Settings,
        adapter: DriverAdapter,
        dialect: Dialect,
        purpose: str,
        connect_timeout: float,
        sign_in: SignIn | None,
    ) -> None:
        self._adapter = adapter
        self._sign_in = background_sign_in(sign_in, settings, purpose)
        self._dialect = dialect
        self._settings = background_settings(settings, adapter, purpose, connect_timeout=connect_timeout)
        self._timeout = min(self._settings[AUXILIARY_QUERY_TIMEOUT_SEC], self._settings[SOCKET_TIMEOUT] or math.inf)
        # Compared, never shown: equal for settings that open the same connection.
        signing_in = self._sign_in.key if self._sign_in else None
        self.key = repr((signing_in, sorted(self._settings.driver.items())))

    def open(self, host: HostInfo) -> RawConnection:
        """Open a connection to a host; raises `RefusedError` if that cannot succeed with these settings.

        Be it the user, the password, the database or TLS: another session's settings may do better.
        """
        try:
            return run(self._open(BlockingIo(), host))
        except self._adapter.failures as error:
            if classify_opening(self._adapter, self._dialect, error) is ErrorKind.NETWORK:
                raise
            raise RefusedError(f"user {self._settings.user!r}: {error}") from error

    async def _open(self, io: Io, host: HostInfo) -> RawConnection:
        adapter = self._adapter

        def opening(settings: Settings) -> Coroutine[Any, Any, RawConnection]:
            return adapter.open(io, adapter.arguments(settings, host.host, host.port))

        request = CredentialsRequest(io, self._settings, host, Deadline.never())
        return await open_signed_in(self._sign_in, adapter, request, opening)


class MonitorCredentials(BackgroundCredentials):
    """What a session lends to the monitor of its cluster."""

    def __init__(self, settings: Settings, adapter: DriverAdapter, cluster: Cluster, sign_in: SignIn | None) -> None:
        super().__init__(settings, adapter, cluster.dialect, TOPOLOGY_MONITORING, _CONNECT_TIMEOUT, sign_in)
        self._cluster = cluster

    def observe(self, host: HostInfo) -> HostObserver:
        """Open a connection to a host, as `open` does, that is asked who it leads to."""
        return HostObserver(self._adapter, self.open(host), self._timeout, self._cluster)


class BackgroundConnection:
    """A blocking connection to one host, used by one thread."""

    def __init__(self, adapter: DriverAdapter, raw: RawConnection, timeout: float) -> None:
        self._adapter = adapter
        self._raw = raw
        self._timeout = timeout

    def _asking(self) -> Callable[[str], Coroutine[Any, Any, Rows]]:
        """Return what runs queries; the time for all of them begins now."""
        return partial(self._adapter.query, BlockingIo(), self._raw, deadline=Deadline.after(self._timeout))

    def close(self) -> None:
        """End the connection without waiting for the host."""
        self._adapter.abort(self._raw)
        with contextlib.suppress(*self._adapter.failures):
            run(self._adapter.close(BlockingIo(), self._raw))


class HostObserver(BackgroundConnection):
    """A connection of the monitor's."""

    def __init__(self, adapter: DriverAdapter, raw: RawConnection, timeout: float, cluster: Cluster) -> None:
        super().__init__(adapter, raw, timeout)
        self._cluster = cluster

    def observe(self) -> Observation:
        """Ask the host who it is and what it knows of the others."""
        return run(self._observe())

    async def _observe(self) -> Observation:
        at, ask = time.monotonic(), self._asking()
        me = await self._cluster.dialect.identify(ask)
        if me.host_id is None:
            raise LookupError("the host does not find itself in its own table of the cluster")
        members = await self._cluster.dialect.members(ask)
        return self._cluster.observation(me.host_id, me.role, members, at)
