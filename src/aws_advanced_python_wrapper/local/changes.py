"""What can be done to a cluster and its instances, as far as it is one call of the supervisor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.values import Event, Failover, FailoverKind, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.local.instance import Instance


class Changes(ABC):
    """The part of `LocalCluster` that changes a cluster, and tells what has happened."""

    @abstractmethod
    def _call(self, operation: str, **arguments: Any) -> Any:
        """Have the supervisor carry out an operation, and return its result."""

    def failover(
        self, to: Instance | str | None = None, kind: FailoverKind = "crash", wait: Wait = "writer"
    ) -> Failover:
        """Fail over to `to`, or to the reader that has received the most.

        `kind`: "crash" kills the writer, "graceful" shuts it down, "hang" freezes it and fails over after
        `hang_detection` seconds. Returns when the new writer accepts writes, or with wait="all" when the old
        one is back as a reader.
        """
        target = None if to is None else str(to)
        return Failover(**self._call("failover", to=target, kind=kind, wait=wait))

    def switchover(self, to: Instance | str | None = None, wait: Wait = "writer") -> Failover:
        """Have the writer hand over, in order and quickly, to `to` or to the reader that has received the most.

        So a Multi-AZ DB cluster does when it is maintained. Only the old writer's connections are cut. Returns when
        the new writer accepts writes, or with wait="all" when the old one is back as a reader.
        """
        target = None if to is None else str(to)
        return Failover(**self._call("switchover", to=target, wait=wait))

    def wait_settled(self) -> None:
        """Wait until all instances that are on their way back, are back."""
        self._call("wait_settled")

    def reboot(self, instance: Instance | str) -> None:
        """Restart an instance; its role stays."""
        self._call("reboot", instance=str(instance))

    def pause(self, instance: Instance | str) -> None:
        """Freeze an instance: it hangs with all its connections. No failover follows by itself."""
        self._call("pause", instance=str(instance))

    def resume(self, instance: Instance | str) -> None:
        """Let a paused instance go on."""
        self._call("resume", instance=str(instance))

    def kill(self, instance: Instance | str) -> None:
        """Kill an instance's server. No failover follows by itself."""
        self._call("kill", instance=str(instance))

    def start_instance(self, instance: Instance | str) -> None:
        """Start an instance that is down; returns when it accepts connections."""
        self._call("start", instance=str(instance))

    def remove_reader(self, instance: Instance | str) -> None:
        """Remove an instance and its data."""
        self._call("remove_reader", instance=str(instance))

    def set_lag(self, instance: Instance | str, milliseconds: float | None) -> None:
        """Have an Aurora reader report that it is so far behind the writer, whatever is true; None ends the lie."""
        self._call("set_lag", instance=str(instance), milliseconds=milliseconds)

    def set_dns(self, name: str, instance: Instance | str | None) -> None:
        """Make the record `name` point at an instance whatever is true; None ends the lie."""
        self._call("set_dns", name=name, instance=None if instance is None else str(instance))

    def history(self) -> list[Event]:
        """Return what has happened, oldest first."""
        return [Event(**event) for event in self._call("history")]

    def custom_endpoint(self, name: str, members: Sequence[Instance | str]) -> str:
        """Make (or change) a custom endpoint and return its host name."""
        host: str = self._call("custom_endpoint", name=name, members=[str(member) for member in members])
        return host
