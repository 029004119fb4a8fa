"""One host of a cluster, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class HostRole(Enum):
    """What a host does in its cluster."""

    UNKNOWN = "unknown"
    READER = "reader"
    WRITER = "writer"


class HostAvailability(Enum):
    """Whether a host could be reached when it was last tried."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, repr=False)
class HostInfo:
    """What is known about a host.

    ``host_id`` is the host's name for itself; ``lag_ms`` is how far it is behind the writer, in milliseconds;
    ``updated_at`` is when it last reported to the cluster, in seconds since the epoch by the cluster's clock;
    ``unavailable_since`` the monotonic time, in seconds, at which it was found to be unavailable.
    """

    host: str
    port: int
    role: HostRole = HostRole.UNKNOWN
    availability: HostAvailability = HostAvailability.AVAILABLE
    weight: int = 100
    host_id: str | None = None
    lag_ms: float | None = None
    updated_at: float | None = None
    unavailable_since: float | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """Host and port in the one form by which hosts are compared; an IPv6 address stands in brackets."""
        return address(self.host, self.port)

    @property
    def url(self) -> str:
        """The address with a slash at its end, by which internal pools are called."""
        return f"{self.address}/"

    def look_up(self, by_name: Mapping[str, T]) -> T | None:
        """Return what stands under one of the host's names, in any case: host:port, host name, id; None: nothing."""
        folded = {name.lower(): value for name, value in by_name.items()}
        names = (self.address, self.host, self.host_id or self.host)
        return next((folded[name.lower()] for name in names if name.lower() in folded), None)

    def __repr__(self) -> str:
        return f"<HostInfo {self.address} {self.role.value} {self.availability.value}>"


def address(host: str, port: int) -> str:
    """Return ``host:port``, or ``[host]:port`` for an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
