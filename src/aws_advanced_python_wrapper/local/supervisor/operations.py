"""The operations a client can ask the supervisor for, by name."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.names.naming import check_host, check_label
from aws_advanced_python_wrapper.local.supervisor import changes, idp, replication
from aws_advanced_python_wrapper.local.supervisor.failover import fail_over
from aws_advanced_python_wrapper.local.supervisor.switchover import switch_over

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController
    from aws_advanced_python_wrapper.local.values import FailoverKind

_PROXY_CONTROLS = {
    "refuse", "accept", "reset", "blackhole", "resume", "delay", "throttle", "reset_after", "require_tls",
    "restore", "reset_counters", "counters",
}  # fmt: skip
_KINDS = ("crash", "graceful", "hang")


class Operations:
    """Every public method with a name of its own is an operation: JSON values in, JSON values out."""

    def __init__(self, cluster: ClusterController) -> None:
        self._cluster = cluster

    def find(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Return the operation of this name."""
        operation = None if name.startswith("_") or name == "find" else getattr(self, name, None)
        if operation is None:
            raise LocalClusterError(f"the cluster has no operation {name!r}")
        found: Callable[..., Awaitable[Any]] = operation
        return found

    async def status(self) -> dict[str, Any]:
        """See `LocalCluster.status`."""
        return asdict(self._cluster.status())

    async def history(self) -> list[dict[str, Any]]:
        """See `LocalCluster.history`."""
        return [asdict(event) for event in self._cluster.events]

    async def failover(self, to: str | None, kind: FailoverKind, wait: str) -> dict[str, Any]:
        """See `LocalCluster.failover`."""
        if kind not in _KINDS:
            raise LocalClusterError(f"kind={kind!r}: choose {', '.join(_KINDS)}")
        _check_wait(wait)
        async with self._cluster.changing:
            result = await fail_over(self._cluster, kind, to)
        if wait == "all":
            await self.wait_settled()
        return asdict(result)

    async def switchover(self, to: str | None, wait: str) -> dict[str, Any]:
        """See `LocalCluster.switchover`."""
        _check_wait(wait)
        async with self._cluster.changing:
            result = await switch_over(self._cluster, to)
        if wait == "all":
            await self.wait_settled()
        return asdict(result)

    async def wait_settled(self) -> None:
        """Wait for what goes on in the background."""
        await replication.settled(self._cluster, self._cluster.members)
        unfinished = [event for event in self._cluster.events if event.what == "could not be rebuilt"]
        broken = {m.name for m in self._cluster.members if m.state == "down"}
        for event in reversed(unfinished):
            if event.instance in broken:
                raise LocalClusterError(f"{event.instance} could not be rebuilt: {event.detail}")

    async def reboot(self, instance: str) -> None:
        """See `LocalCluster.reboot`."""
        async with self._cluster.changing:
            await changes.reboot(self._cluster, self._cluster.member(instance))

    async def pause(self, instance: str) -> None:
        """See `LocalCluster.pause`."""
        async with self._cluster.changing:
            changes.pause(self._cluster, self._cluster.member(instance))

    async def resume(self, instance: str) -> None:
        """See `LocalCluster.resume`."""
        async with self._cluster.changing:
            changes.resume(self._cluster, self._cluster.member(instance))

    async def kill(self, instance: str) -> None:
        """See `LocalCluster.kill`."""
        async with self._cluster.changing:
            await changes.kill(self._cluster, self._cluster.member(instance))

    async def start(self, instance: str) -> None:
        """See `LocalCluster.start_instance`."""
        async with self._cluster.changing:
            await changes.start(self._cluster, self._cluster.member(instance))

    async def add_reader(self, name: str | None) -> str:
        """See `LocalCluster.add_reader`."""
        async with self._cluster.changing:
            return (await changes.add_reader(self._cluster, name)).name

    async def remove_reader(self, instance: str) -> None:
        """See `LocalCluster.remove_reader`."""
        async with self._cluster.changing:
            await changes.remove_reader(self._cluster, self._cluster.member(instance))

    async def restore(self) -> None:
        """See `LocalCluster.restore`."""
        async with self._cluster.changing:
            await changes.restore(self._cluster)
        if self._cluster.aws is not None:
            await self.aws("restore", {})
        if self._cluster.idp is not None:
            await self.idp("restore", {})

    async def set_delays(self, changes: Mapping[str, Any]) -> None:
        """See `LocalCluster.set_delays`."""
        self._cluster.delays = self._cluster.delays.change(changes)

    async def set_lag(self, instance: str, milliseconds: float | None) -> None:
        """See `LocalCluster.set_lag`."""
        self._cluster.tables.set_lag(self._cluster.member(instance).name, milliseconds)

    async def set_dns(self, name: str, instance: str | None) -> None:
        """See `LocalCluster.set_dns`."""
        address = self._cluster.member(instance).node.site.address if instance else None
        self._cluster.records.pin(name, address)

    async def custom_endpoint(self, name: str, members: list[str]) -> str:
        """See `LocalCluster.custom_endpoint`."""
        host = self._cluster.names.custom(check_label(name, "custom endpoint name"))
        if not self._cluster.settings.can_grow:
            raise LocalClusterError(f"deployment {self._cluster.settings.deployment!r} has no custom endpoints")
        self._cluster.custom[name] = tuple(self._cluster.member(member).name for member in members)
        self._cluster.publish_dns(0)
        return host

    async def alias(self, name: str, target: str) -> None:
        """See `LocalCluster.alias`."""
        self._cluster.records.set_alias(check_host(name), target)

    async def proxy(self, instance: str, control: str, arguments: dict[str, Any]) -> Any:
        """Use one of the controls of an instance's proxy."""
        if control not in _PROXY_CONTROLS:
            raise LocalClusterError(f"the proxy has no control {control!r}")
        proxy = self._cluster.member(instance).proxy
        result = getattr(proxy, control)(**arguments)
        await asyncio.sleep(0)  # let the loop act on it before the caller goes on
        return asdict(result) if control == "counters" else None

    async def aws(self, control: str, arguments: dict[str, Any]) -> Any:
        """Use one of the controls of AWS."""
        if self._cluster.aws is None:
            raise LocalClusterError("this cluster has no AWS: start it with iam=True, or 'up --iam'")
        return await asyncio.to_thread(self._cluster.aws.do, control, arguments)

    async def idp(self, control: str, arguments: dict[str, Any]) -> Any:
        """Use one of the controls of the identity providers."""
        if self._cluster.idp is None or control not in idp.CONTROLS:
            raise LocalClusterError(
                f"no identity provider has a control {control!r} here: is it started with iam=True?"
            )
        return await asyncio.to_thread(getattr(self._cluster.idp, control), **arguments)

    async def direct(self, instance: str) -> dict[str, Any]:
        """Return how to connect to the server itself as superuser."""
        return self._cluster.member(instance).node.parameters()


def _check_wait(wait: str) -> None:
    if wait not in ("writer", "all"):
        raise LocalClusterError(f"wait={wait!r}: choose 'writer' or 'all'")
