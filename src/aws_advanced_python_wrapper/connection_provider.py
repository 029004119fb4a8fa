"""Where the connections of programs come from: opened one by one unless a provider, such as a pool, is set.

Monitors and probes never use a provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.cluster.host import HostInfo

__all__ = ["AsyncConnectionProviderManager", "Connect", "ConnectionProvider", "ConnectionProviderManager", "Lease"]


class Lease(Protocol):
    """A connection that a provider has lent. The first of the two calls that end it counts; neither may wait."""

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        ...

    @property
    def reused(self) -> bool:
        """Whether somebody has had the connection before."""
        ...

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection its parent's."""
        ...

    @property
    def notes(self) -> dict[str, Any]:
        """What is remembered about the connection for as long as it is open, from lease to lease."""
        ...

    def give_back(self) -> None:
        """The connection is fit for the next user."""
        ...

    def invalidate(self, *, idle_too: bool = False) -> None:
        """The connection has ended; `idle_too`: those that lie idle beside it must be taken for lost as well."""
        ...


class Connect(Protocol):
    """Opens a connection with the arguments of one attempt."""

    @property
    def signed_in_by(self) -> str | None:
        """The same for those that have the same credentials; None where a user's name tells that. Never show it."""
        ...

    def __call__(self) -> Any:
        """Return the connection, or in asyncio an awaitable of it."""
        ...


class ConnectionProvider(Protocol):
    """What opens connections in the driver's place, for the hosts that it accepts.

    `props` are the driver's arguments for this attempt, with the names that the user gave: `user`, `dbname` and so on.
    """

    def accepts(self, host: HostInfo, props: Mapping[str, Any]) -> bool:
        """Tell whether connections to this host come from here. No I/O."""
        ...

    def lease(self, host: HostInfo, props: Mapping[str, Any], connect: Connect) -> Any:
        """Return a `Lease`, or in asyncio an awaitable of one. `connect()` opens a connection with these arguments.

        Where `connect.signed_in_by` differs, one must not be given the connection of the other.
        """
        ...

    def release_resources(self) -> None:
        """Close what lies idle, and keep nothing that is given back from now on."""
        ...


class ConnectionProviderManager:
    """The provider of the process for blocking connections; those that are opened later use it."""

    _provider: ClassVar[ConnectionProvider | None] = None

    @classmethod
    def set_connection_provider(cls, provider: ConnectionProvider) -> None:
        """Use a provider from now on; raises `AwsWrapperError` for an object without its methods."""
        methods = [getattr(provider, name, None) for name in ("accepts", "lease", "release_resources")]
        if isinstance(provider, type) or not all(map(callable, methods)):
            raise AwsWrapperError(
                f"set_connection_provider: {provider!r} is no provider, which has the methods accepts, lease and "
                "release_resources. Give one such as SqlAlchemyPooledConnectionProvider(), or call reset_provider()."
            )
        cls._provider = provider

    @classmethod
    def reset_provider(cls) -> None:
        """Open connections one by one again; what the provider has lent goes on."""
        cls._provider = None

    @classmethod
    def release_resources(cls) -> None:
        """Have the provider, if there is one, close what it holds."""
        if cls._provider is not None:
            cls._provider.release_resources()

    @classmethod
    def provider_for(cls, host: HostInfo, props: Mapping[str, Any]) -> ConnectionProvider | None:
        """Return the provider, if there is one and it accepts the host."""
        provider = cls._provider
        return provider if provider is not None and provider.accepts(host, props) else None


class AsyncConnectionProviderManager(ConnectionProviderManager):
    """The provider of the process for asyncio connections."""

    _provider: ClassVar[ConnectionProvider | None] = None
