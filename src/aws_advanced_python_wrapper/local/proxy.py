"""The TCP proxy in front of one instance, with the faults a network can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class Counters:
    """Connections of a proxy: now, since the start or reset, and the most at one time; logins likewise."""

    current: int = 0
    total: int = 0
    peak: int = 0
    connecting: int = 0
    peak_connecting: int = 0


class Proxy:
    """Listens on `address`:`port` and passes every connection on to `target`.

    Everything here is called on the event loop's thread.
    """

    def __init__(
        self, name: str, address: str, port: int, target: tuple[str, int], tls: ssl.SSLContext | None = None
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.target = target
        self.tls = tls

    async def start(self) -> None:
        """Begin to listen."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop listening and reset every connection."""
        raise NotImplementedError

    def refuse(self) -> None:
        """Close the listener: new connections are refused, existing ones stay."""

    def accept(self) -> None:
        """Listen again."""

    def reset(self) -> None:
        """Cut all current connections with a TCP reset, on both sides."""

    def blackhole(self) -> None:
        """Keep accepting, but pass no byte in either direction and close nothing."""

    def resume(self) -> None:
        """End the blackhole: what was held back flows on."""

    def delay(self, to_server: float = 0.0, to_client: float = 0.0) -> None:
        """Deliver every byte so many seconds later, per direction."""

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit each direction of each connection; None lifts the limit."""

    def reset_after(self, bytes_to_client: int) -> None:
        """Reset the first connection whose client has received so many bytes from now on, then disarm."""

    def require_tls(self, required: bool) -> None:
        """Turn away clients that do not ask for TLS."""

    def restore(self) -> None:
        """Undo every fault and listen."""

    def counters(self) -> Counters:
        """Return the counters of this moment."""
        return Counters()

    def reset_counters(self) -> None:
        """Start counting anew from the connections open now."""
