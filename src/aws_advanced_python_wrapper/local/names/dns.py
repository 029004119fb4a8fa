"""The DNS records of a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile
    from aws_advanced_python_wrapper.local.names.naming import Names

_ROTATION = 1.0


class Records:
    """Keeps the endpoints' records in a hosts file: one address at a time, in turn if several."""

    def __init__(self, hosts: HostsFile, names: Names) -> None:
        self._hosts = hosts
        self._names = names
        self._written: dict[str, str] = {}
        self._targets: dict[str, tuple[str, ...]] = {}
        self._pinned: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._turn = 0
        self._closed = False
        self._sent = self._arrived = 0

    def set_instance(self, name: str, address: str) -> None:
        """Name an instance."""
        self._targets[self._names.instance(name)] = (address,)
        self._refresh()

    def set_fixed(self, host: str, address: str) -> None:
        """Name what is no instance, for as long as the cluster lives."""
        self._targets[host] = (address,)
        self._refresh()

    def remove_instance(self, name: str) -> None:
        """Forget an instance's name."""
        self._forget([self._names.instance(name)])

    def publish(self, writer: str, readers: Sequence[str], custom: Mapping[str, Sequence[str]], delay: float) -> None:
        """Point the endpoints at these addresses `delay` seconds from now."""
        targets = {self._names.writer: (writer,), self._names.reader: tuple(readers) or (writer,)}
        for name, members in custom.items():
            if members:  # with nobody there, a record keeps what it said last
                targets[self._names.custom(name)] = tuple(members)
        self._sent += 1
        if delay:
            asyncio.get_running_loop().call_later(delay, self._point, targets, self._sent)
        else:
            self._point(targets, self._sent)

    def set_alias(self, alias: str, name: str) -> None:
        """Have a name of the program's own lead wherever one of ours does, as a CNAME record would."""
        if name not in self._targets:
            raise self._unknown(name)
        if alias in self._aliases:
            self._forget([self._record(alias)])
        self._aliases[alias] = name
        self._refresh()

    def forget_aliases(self) -> None:
        """Remove all of them."""
        self._forget([self._record(alias) for alias in self._aliases])
        self._aliases.clear()

    def pin(self, name: str, address: str | None) -> None:
        """Make a record say `address` whatever is true, until it is unpinned with None."""
        if name not in self._targets:
            raise self._unknown(name)
        if address is None:
            self._pinned.pop(name, None)
        else:
            self._pinned[name] = address
        self._refresh()

    def unpin_all(self) -> None:
        """Let every record tell the truth again."""
        self._pinned.clear()
        self._refresh()

    async def rotate(self) -> None:
        """Let the members of each endpoint take turns, for ever."""
        while True:
            await asyncio.sleep(_ROTATION)
            self._turn += 1
            self._refresh()

    def remove_all(self) -> None:
        """Forget every name of the cluster, for good: late changes are not written any more."""
        self._closed = True
        self._forget(list(self._written))

    def _point(self, targets: Mapping[str, tuple[str, ...]], sent: int) -> None:
        if sent < self._arrived:  # newer news travelled faster
            return
        self._arrived = sent
        self._targets.update(targets)
        self._refresh()

    def _forget(self, names: Iterable[str]) -> None:
        gone = list(names)
        for name in gone:
            self._targets.pop(name, None)
            self._written.pop(name, None)
            self._pinned.pop(name, None)
        self._hosts.remove(gone)

    def _refresh(self) -> None:
        if self._closed:
            return
        for name, addresses in self._targets.items():
            self._write(name, self._pinned.get(name) or addresses[self._turn % len(addresses)])
        for alias, name in self._aliases.items():
            self._write(self._record(alias), self._written[name])

    def _write(self, name: str, address: str) -> None:
        if self._written.get(name) != address:
            self._hosts.set(name, address)
            self._written[name] = address

    def _record(self, alias: str) -> str:
        return f"{self._aliases[alias]} {alias}"

    def _unknown(self, name: str) -> LocalClusterError:
        return LocalClusterError(f"no record {name!r}: there are {', '.join(sorted(self._targets))}")
