"""Hosts in memory, and clusters of them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, TRAITS_SQL

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing.connection import FakeConnection
    from aws_advanced_python_wrapper.testing.network import FakeNetwork

Rows: TypeAlias = list[tuple[str | None, ...]]

DOMAIN = "c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
"""The domain of a cluster that is given no other."""


class State(Enum):
    """What a host does with whoever comes."""

    UP = "up"
    REFUSING = "refusing"
    FROZEN = "frozen"


class FakeHost:
    """A server in memory. A test may change what it does at any moment, from any thread."""

    def __init__(self, cluster: FakeCluster, host_id: str, *, is_writer: bool) -> None:
        self.cluster = cluster
        self.host_id = host_id
        self.is_writer = is_writer
        self.state = State.UP
        self.connections: list[FakeConnection] = []
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
        self.cluster.network.wake()

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


class FakeCluster:
    """Hosts called `<name>-1` (the writer), `<name>-2`, and so on, with the endpoints that a cluster has."""

    def __init__(
        self, network: FakeNetwork, name: str = "db", size: int = 3, *, domain: str = DOMAIN, aurora: bool = True
    ) -> None:
        self.network = network
        self.name = name
        self.domain = domain
        self.aurora = aurora
        self.hosts = [FakeHost(self, f"{name}-{number}", is_writer=number == 1) for number in range(1, size + 1)]
        self.writer_endpoint = f"{name}.cluster-{domain}"
        self.reader_endpoint = f"{name}.cluster-ro-{domain}"
        self.custom_endpoint = f"{name}-few.cluster-custom-{domain}"
        network.names.update({host.name: host for host in self.hosts})
        network.names[self.writer_endpoint] = self.hosts[0]
        network.names[self.reader_endpoint] = network.names[self.custom_endpoint] = self.hosts[-1]

    def __getitem__(self, number: int) -> FakeHost:
        """Return a host by its number, from 1."""
        return self.hosts[number - 1]

    def rows(self) -> Rows:
        """Return the true table of the cluster, as an Aurora host would tell it."""
        return [(host.host_id, "t" if host.is_writer else "f", "10", None) for host in self.hosts]

    def fail_over(self, to: int, *, drop: bool = True) -> None:
        """Change roles; DNS goes on naming the old writer."""
        for host in self.hosts:
            changed = host.is_writer != (host is self[to])
            host.is_writer = host is self[to]
            if changed and drop:
                host.drop()
