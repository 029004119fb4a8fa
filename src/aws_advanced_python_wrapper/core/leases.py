"""Connections of internal pools: taken only if they are as good as new ones, given back only as they were lent."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager, ConnectionProviderManager
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opened import Opened
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.session import ON_SWITCH, RESET_SESSION_STATE_ON_CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.connection_provider import Connect, ConnectionProvider, Lease
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.session_state import SessionState
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import RawConnection
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)

# Notes on a connection: the role its host had when it was opened, what it is like at the beginning of a lease, and
# whether it is to be closed since nobody knows what was set on it.
_ROLE, _AS_LENT, _ALTERED = "role", "as lent", "altered"


class _StaleError(Exception):
    """A connection of a pool is not what a new one would be."""


@dataclass(frozen=True, slots=True, repr=False)
class _Connect:
    open: Callable[[], Any]
    signed_in_by: str | None

    def __call__(self) -> Any:
        return self.open()


class Borrower(Protocol):
    """What a lease needs of the session that borrows the connection."""

    settings: Settings
    adapter: DriverAdapter
    sign_in: SignIn | None
    io: Io
    state: SessionState

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that the session belongs to."""
        ...

    async def identify(self, opened: Opened, deadline: Deadline) -> Opened:
        """Make a connection the session's own, and have it say who it leads to."""
        ...

    async def ask(self, raw: RawConnection, sql: str, deadline: Deadline) -> None:
        """Run one of our own queries."""
        ...

    async def discard(self, opened: Opened) -> None:
        """End a connection that nobody uses any more, without waiting for its host."""
        ...


def provider_for(io: Io, host: HostInfo, props: Mapping[str, Any]) -> ConnectionProvider | None:
    """Return the process's provider for the flavour, if there is one that accepts the host."""
    manager = ConnectionProviderManager if isinstance(io, BlockingIo) else AsyncConnectionProviderManager
    return manager.provider_for(host, props)


async def open_leased(
    session: Borrower,
    provider: ConnectionProvider,
    host: HostInfo,
    arguments: Mapping[str, Any],
    deadline: Deadline,
) -> Opened:
    """Open a connection through a provider. Only what a new connection raises is raised; others are passed over."""
    no_use: tuple[type[Exception], ...] = (*session.adapter.failures, _StaleError)
    while True:
        lease = await _lease(session, provider, host, arguments)
        opened = Opened(lease.connection, host, lease)
        try:
            return await _verified(session, opened, deadline)
        except no_use as error:
            await session.discard(opened)
            if not lease.reused:
                raise
            logger.debug("a pooled connection to %s is of no use any more: %s", host.address, error)
            lease.invalidate(idle_too=True)
        except BaseException:
            await session.discard(opened)
            raise


async def _lease(
    session: Borrower, provider: ConnectionProvider, host: HostInfo, arguments: Mapping[str, Any]
) -> Lease:
    adapter = session.adapter
    try:
        lease: Lease = await session.io.call(provider.lease, host, dict(arguments), _connect(session, arguments))
    except AwsWrapperError as error:
        if isinstance(error, adapter.failures):
            raise
        # A full pool is a driver's error too: for programs, and for whoever has another host to try.
        raise adapter.error(AwsWrapperError, str(error)) from error
    return lease


def _connect(session: Borrower, arguments: Mapping[str, Any]) -> Connect:
    connect = partial(session.adapter.open, session.io, arguments)
    signed_in_by = session.sign_in.key if session.sign_in else None
    return _Connect((lambda: run(connect())) if isinstance(session.io, BlockingIo) else connect, signed_in_by)


async def _verified(session: Borrower, opened: Opened, deadline: Deadline) -> Opened:
    """Ask a connection who it is; one whose host has changed its role may not have noticed yet."""
    adapter, lease = session.adapter, opened.lease
    assert lease is not None  # noqa: S101 - for the type checker
    if lease.reused:
        if adapter.is_dropped(opened.raw):
            raise _StaleError("its server has closed it")
        if session.cluster is None:  # nothing else may be asked
            await session.ask(opened.raw, "SELECT 1", deadline)
    identified = await session.identify(opened, deadline)
    role = identified.host.role
    if lease.notes.setdefault(_ROLE, role) is not role:
        raise _StaleError(f"its host was a {lease.notes[_ROLE].value} when it was opened, and is a {role.value}")
    lease.notes[_AS_LENT] = adapter.snapshot(opened.raw)
    return identified


def note_switch(session: Borrower, opened: Opened) -> None:
    """Note that a function of the user's is about to set on a connection what nobody can take back."""
    if opened.lease is not None and session.settings[ON_SWITCH] is not None:
        opened.lease.notes[_ALTERED] = session.settings[RESET_SESSION_STATE_ON_CLOSE]


def note_moved(opened: Opened) -> None:
    """Note that a connection leads to another host than that of its pool, to which it does not go back then."""
    if opened.lease is not None:
        opened.lease.notes[_ALTERED] = True


async def give_back(session: Borrower, opened: Opened) -> None:
    """Return a connection that nobody uses any more to its pool, as it was lent; one that cannot be so is ended."""
    adapter, lease, raw = session.adapter, opened.lease, opened.raw
    assert lease is not None  # noqa: S101 - for the type checker
    if lease.inherited:
        adapter.abandon(raw)
        return
    as_lent = lease.notes.pop(_AS_LENT, None)  # whoever comes second finds none
    if as_lent is None:
        return
    try:
        fit = not (lease.notes.get(_ALTERED) or adapter.is_dropped(raw))
        fit = fit and await session.state.reset(raw, as_lent)
    except adapter.failures as error:
        logger.debug("a connection to %s does not go back to its pool: %s", opened.host.address, error)
        fit = False
    except BaseException:
        await session.discard(opened)
        raise
    if fit:
        lease.give_back()
    else:
        await session.discard(opened)
