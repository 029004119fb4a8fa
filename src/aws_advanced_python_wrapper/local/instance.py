"""One instance, as the user of the Python API sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.proxy import Counters

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.launch import Control
    from aws_advanced_python_wrapper.local.values import Role, State


@dataclass(frozen=True, slots=True)
class ProxyControls:
    """The network in front of one instance, with its faults."""

    instance: str
    _control: Control = field(repr=False)

    def refuse(self) -> None:
        """Refuse new connections; existing ones stay."""
        self._do("refuse")

    def accept(self) -> None:
        """Take new connections again."""
        self._do("accept")

    def reset(self) -> None:
        """Cut all connections of this moment with a TCP reset."""
        self._do("reset")

    def blackhole(self) -> None:
        """Pass no byte in either direction and close nothing: everything hangs, new connections too."""
        self._do("blackhole")

    def resume(self) -> None:
        """End the blackhole."""
        self._do("resume")

    def delay(self, to_server: float = 0.0, to_client: float = 0.0) -> None:
        """Deliver every byte so many seconds later."""
        self._do("delay", to_server=to_server, to_client=to_client)

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit each direction of each connection; None lifts the limit."""
        self._do("throttle", bytes_per_second=bytes_per_second)

    def reset_after(self, bytes_to_client: int) -> None:
        """Reset the next connection whose client has received so many bytes from now on."""
        self._do("reset_after", bytes_to_client=bytes_to_client)

    def require_tls(self, required: bool = True) -> None:
        """Turn away clients that do not ask for TLS."""
        self._do("require_tls", required=required)

    def restore(self) -> None:
        """Undo every fault."""
        self._do("restore")

    def counters(self) -> Counters:
        """Return how many connections there are and were."""
        return Counters(**self._control.call("proxy", instance=self.instance, control="counters", arguments={}))

    def reset_counters(self) -> None:
        """Count anew from now on."""
        self._do("reset_counters")

    def _do(self, control: str, **arguments: object) -> None:
        self._control.call("proxy", instance=self.instance, control=control, arguments=arguments)


@dataclass(frozen=True, slots=True, repr=False)
class Instance:
    """One instance at the moment it was asked for: ask the cluster again to see changes."""

    name: str
    host: str
    address: str
    port: int
    private_port: int
    role: Role
    state: State
    connections: int
    proxy: ProxyControls = field(compare=False)

    def __repr__(self) -> str:
        return f"<Instance {self.name} {self.role} {self.state} {self.address}:{self.port}>"

    def __str__(self) -> str:
        return self.name

    @property
    def is_writer(self) -> bool:
        """Whether it is the writer."""
        return self.role == "writer"
