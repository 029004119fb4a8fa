"""Hosts in memory."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, TRAITS_SQL

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing.traffic import Rows, Traffic


class Breakable(Protocol):
    """A connection, as its host sees it."""

    def lose(self) -> None:
        """Break it."""
        ...

    def wake(self) -> None:
        """Let those who wait for the host look at it again."""
        ...


class Membership(Protocol):
    """A cluster, as its hosts see it."""

    domain: str
    aurora: bool

    @property
    def network(self) -> Traffic:
        """The network that leads to its hosts."""
        ...

    def rows(self) -> Rows:
        """Return the true table of the cluster."""
        ...


class State(Enum):
    """What a host does with whoever comes."""

    UP = "up"
    REFUSING = "refusing"
    FROZEN = "frozen"


class FakeHost:
    """A server in memory. A test may change what it does at any moment, from any thread."""

    def __init__(self, cluster: Membership, host_id: str, *, is_writer: bool) -> None:
        self.cluster = cluster
        self.host_id = host_id
        self.is_writer = is_writer
        self.state = State.UP
        self.connections: list[Breakable] = []
        self.table: Rows | None = None
        """The host's own table of its cluster where it differs from the truth."""

    @property
    def name(self) -> str:
        """The instance endpoint."""
        return f"{self.host_id}.{self.cluster.domain}"

    def kill(self) -> None:
        """Drop all connections and refuse new ones."""
        self.state = State.REFUSING
        self.drop()

    def freeze(self) -> None:
        """Answer nobody any more, new connections neither: whoever asks waits."""
        self.state = State.FROZEN

    def start(self) -> None:
        """Work again, be it after `kill` or `freeze`."""
        self.state = State.UP
        for connection in self.connections:
            connection.wake()
        self.cluster.network.connecting.open()

    def drop(self) -> None:
        """Cut all connections; new ones are another matter."""
        for connection in self.connections:
            connection.lose()
        self.connections.clear()

    def answer(self, sql: str) -> Rows:
        """Return the rows of a statement."""
        if sql == TRAITS_SQL:
            return [("aurora_stat_utils" if self.cluster.aurora else None, "f")]
        if sql == AURORA_PG.identity_sql:
            return [(self.host_id, "f" if self.is_writer else "t")]
        if sql == AURORA_PG.members_sql:
            return self.cluster.rows() if self.table is None else self.table
        return [(self.host_id,)]

    def __repr__(self) -> str:
        return f"<FakeHost {self.host_id} {'writer' if self.is_writer else 'reader'} {self.state.value}>"
