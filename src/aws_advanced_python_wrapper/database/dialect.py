"""What the rest of the driver may ask of a database, whichever engine and deployment it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aws_advanced_python_wrapper.cluster.host import HostRole

Answer: TypeAlias = Sequence[tuple[str | None, ...]]
Ask: TypeAlias = Callable[[str], Awaitable[Answer]]
"""Runs one of the driver's own queries on a connection and returns its rows as text."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a host says of itself."""

    host_id: str | None
    """None where it does not find itself in its own table of the cluster."""
    role: HostRole
    endpoint: str | None = None
    """The host name of its instance endpoint, where the deployment tells it."""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One line of a host's own table of its cluster."""

    host_id: str
    is_writer: bool
    lag_ms: float | None
    updated_at: float | None
    """Seconds since the epoch, by the server's clock; None where the table does not say."""


@dataclass(frozen=True)
class Dialect:
    """The SQL of one engine and deployment. Every name in it that the user's own objects could hide is qualified.

    `identity_sql` returns one row (instance identifier, is it a reader: "t"/"f"; then, where the deployment tells
    them, host name and port of its endpoint); `members_sql` returns a row for each member (identifier, is it the
    writer, lag in ms, last update in seconds since the epoch). Both are None for a database that knows no cluster.
    """

    code: str
    identity_sql: str | None = None
    members_sql: str | None = None
    turns_users_away: bool = False
    """Whether a server that is about to restart refuses users who may log in a moment later."""
    no_cluster_hint: str = ""
    """What to do where this is the server of a cluster's endpoint and the dialect knows no cluster."""

    @property
    def knows_cluster(self) -> bool:
        """Whether hosts of this deployment can name the members of their cluster."""
        return self.members_sql is not None

    async def identify(self, ask: Ask) -> Identity:
        """Ask a host who it is and which role it has now."""
        if self.identity_sql is None:
            raise LookupError(f"{self.code} has no notion of instances")
        ((host_id, is_reader, *endpoint),) = await ask(self.identity_sql)
        host, port = endpoint or (None, None)
        role = HostRole.READER if is_reader == "t" else HostRole.WRITER
        return Identity(host_id, role, host, None if port is None else int(port))

    async def members(self, ask: Ask) -> tuple[Member, ...]:
        """Ask a host for its own view of the cluster, which may be older than the truth."""
        if self.members_sql is None:
            raise LookupError(f"{self.code} has no notion of a cluster")
        rows = await ask(self.members_sql)
        # A member that does not say its name cannot be reached: its row is no news.
        return tuple(_member(host_id, *news) for host_id, *news in rows if host_id)


def _member(host_id: str, is_writer: str | None, lag_ms: str | None, updated_at: str | None) -> Member:
    return Member(
        host_id=host_id,
        is_writer=is_writer == "t",
        lag_ms=None if lag_ms is None else float(lag_ms),
        updated_at=None if updated_at is None else float(updated_at),
    )
