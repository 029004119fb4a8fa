"""Loopback addresses and ports that nobody else uses."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.settings import MOST_INSTANCES

_ATTEMPTS = 200
# Below the range from which Linux takes the ports of outgoing connections.
_FIRST_PORT, _LAST_PORT = 15_000, 32_000


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses 127.A.B.n of a cluster, the port clients use and the one behind the proxies."""

    prefix: str
    port: int
    private_port: int

    def address(self, number: int) -> str:
        """Return the address of the instance of this number."""
        return f"{self.prefix}.{number}"

    @property
    def aws(self) -> str:
        """The address of what AWS has beside the instances; it listens at `port` too."""
        return self.address(MOST_INSTANCES + 1)

    @property
    def idp(self) -> str:
        """The address of the identity providers; they listen at both ports."""
        return self.address(MOST_INSTANCES + 2)


def choose(port: int | None) -> Network:
    """Find a network whose ports are free; `port` is the one for clients if it matters."""
    for _ in range(_ATTEMPTS):
        first = random.randrange(_FIRST_PORT, _LAST_PORT)  # noqa: S311  # nothing secret about a port
        prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"  # noqa: S311
        network = Network(prefix, port or first, first + 1)
        if network.port != network.private_port and _is_free(network):
            return network
    what = f"port {port} is" if port else f"no port of {_FIRST_PORT}-{_LAST_PORT} is"
    raise LocalClusterError(f"{what} free on the loopback addresses 127.0.0.0/8: choose another with port=")


def _is_free(network: Network) -> bool:
    instances = [network.address(number) for number in range(1, MOST_INSTANCES + 1)]
    ports = (network.port, network.private_port)
    return all(_can_bind(address, port) for address in (*instances, network.aws, network.idp) for port in ports)


def _can_bind(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
