"""Clusters of hosts in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.testing.host import FakeHost

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing.network import FakeNetwork
    from aws_advanced_python_wrapper.testing.traffic import Rows

DOMAIN = "c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
"""The domain of a cluster that is given no other."""


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
