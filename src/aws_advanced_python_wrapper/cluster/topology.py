"""The topology of a cluster as a frozen value, and how it follows from what hosts say.

One rule stands above the others: what a host says of its own role is the truth; its table of the cluster is
news about the other hosts and may be old. After a failover a reader's copy of the table lags the most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole, address

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a host's own table of its cluster.

    ``lag_ms`` is in milliseconds; ``updated_at`` in seconds since the epoch by the cluster's clock.
    """

    host_id: str | None
    host: str
    port: int
    is_writer: bool
    lag_ms: float | None = None
    updated_at: float | None = None

    @property
    def address(self) -> str:
        """Host and port in the form of `HostInfo.address`."""
        return address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Observation:
    """What the host at ``address`` said of itself, and of others in ``rows``, at monotonic time ``at``.

    ``rows`` is empty when the table could not be read; ``role`` is UNKNOWN when the host did not tell.
    """

    address: str
    host_id: str | None
    role: HostRole
    rows: tuple[Row, ...]
    at: float


@dataclass(frozen=True, slots=True, repr=False)
class Topology:
    """What is known of a cluster.

    ``writer_verified_at`` is the monotonic time at which the writer itself last said that it is the writer,
    None when only others say so or there is no writer. ``seen`` maps the address of a host to the monotonic
    time of its last answer. ``generation`` grows with each change of ``hosts`` or ``writer_verified_at``.
    """

    hosts: tuple[HostInfo, ...] = ()
    writer_verified_at: float | None = None
    seen: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    generation: int = 0

    @property
    def writer(self) -> HostInfo | None:
        """The writer, None while it is not known."""
        return next((host for host in self.hosts if host.role is HostRole.WRITER), None)

    @property
    def readers(self) -> tuple[HostInfo, ...]:
        """The readers, in the order of their ids."""
        return tuple(host for host in self.hosts if host.role is HostRole.READER)

    @property
    def unavailable(self) -> frozenset[str]:
        """The addresses of the hosts that could not be reached when they were last tried."""
        lost = HostAvailability.UNAVAILABLE
        return frozenset(host.address for host in self.hosts if host.availability is lost)

    def find(self, wanted: str) -> HostInfo | None:
        """Return the host with this address."""
        return next((host for host in self.hosts if host.address == wanted), None)

    def seen_since(self, time: float) -> tuple[HostInfo, ...]:
        """Return the hosts that answered at monotonic ``time`` or later."""
        return tuple(host for host in self.hosts if self.seen.get(host.address, -math.inf) >= time)

    def __repr__(self) -> str:
        how = "no writer" if self.writer is None else "unverified" if self.writer_verified_at is None else "verified"
        return f"<Topology {self.generation} {how} {list(self.hosts)}>"


def next_topology(old: Topology | None, seen: Observation) -> Topology:
    """Return what follows from ``old`` and an observation; ``old`` itself if the observation is late."""
    old = old or Topology()
    reporter = _address_of(seen.host_id, seen.rows, old) or seen.address
    if seen.at < old.seen.get(reporter, -math.inf):
        return old
    members = _members(old, seen)
    writer, verified_at = _writer(old, seen, reporter, members)
    if writer is not None and writer not in members:
        members[writer] = old.find(writer) or _stranger(writer, seen)
    if not members:
        members[reporter] = _stranger(reporter, seen)
    hosts = tuple(sorted((_judged(host, writer, reporter, seen) for host in members.values()), key=_order))
    answers = {host: at for host, at in old.seen.items() if host in members} | {reporter: seen.at}
    return _changed(old, hosts, verified_at, answers)


def mark_unavailable(topology: Topology, wanted: str, at: float = 0.0) -> Topology:
    """Return ``topology`` with the host at this address unavailable since monotonic time ``at``, until it answers."""
    lost = HostAvailability.UNAVAILABLE
    hosts = tuple(
        replace(host, availability=lost, unavailable_since=at)
        if host.address == wanted and host.availability is not lost
        else host
        for host in topology.hosts
    )
    if hosts == topology.hosts:
        return topology
    return _changed(topology, hosts, topology.writer_verified_at, topology.seen)


def _changed(
    old: Topology, hosts: tuple[HostInfo, ...], verified_at: float | None, answers: Mapping[str, float]
) -> Topology:
    same = hosts == old.hosts and verified_at == old.writer_verified_at
    generation = old.generation if same else old.generation + 1
    return Topology(hosts, verified_at, MappingProxyType(dict(answers)), generation)


def _address_of(host_id: str | None, rows: tuple[Row, ...], old: Topology) -> str | None:
    """Return the address by which a host is a member: it may have been reached by another name."""
    if host_id is None:
        return None
    hosts: tuple[Row | HostInfo, ...] = (*rows, *old.hosts)
    return next((host.address for host in hosts if host.host_id == host_id), None)


def _members(old: Topology, seen: Observation) -> dict[str, HostInfo]:
    """Return the members by address. The table says who they are; without a table they stay who they were."""
    if not seen.rows:
        return {host.address: host for host in old.hosts}
    newest_last = sorted(seen.rows, key=_updated_at)
    return {row.address: _member(row, old.find(row.address)) for row in newest_last}


def _member(row: Row, known: HostInfo | None) -> HostInfo:
    host = known or HostInfo(row.host, row.port)
    return replace(host, role=HostRole.READER, host_id=row.host_id, lag_ms=row.lag_ms, updated_at=row.updated_at)


def _writer(
    old: Topology, seen: Observation, reporter: str, members: Mapping[str, HostInfo]
) -> tuple[str | None, float | None]:
    """Return the writer's address, and when it last said that it is the writer."""
    verified_at = old.writer_verified_at
    known = None
    if old.writer is not None:
        known = _address_of(old.writer.host_id, seen.rows, old) or old.writer.address
    if seen.role is HostRole.WRITER:
        late = known != reporter and verified_at is not None and verified_at > seen.at
        return (known, verified_at) if late else (reporter, seen.at)
    if known == reporter and seen.role is HostRole.READER:
        return _named_writer(old, seen, reporter), None
    if verified_at is not None:
        return known, verified_at
    return _named_writer(old, seen, reporter) or (known if known in members else None), None


def _named_writer(old: Topology, seen: Observation, reporter: str) -> str | None:
    """Return the writer according to the table: the most recently updated one if it names several.

    The reporter knows its own role better than its table. So do, while there is no writer, all hosts that
    answered.
    """
    truth_tellers = {reporter} if seen.role is HostRole.READER else set()
    if old.writer is None:
        truth_tellers |= old.seen.keys()
    named = [row for row in seen.rows if row.is_writer and row.address not in truth_tellers]
    return max(named, key=_updated_at).address if named else None


def _judged(host: HostInfo, writer: str | None, reporter: str, seen: Observation) -> HostInfo:
    """Return a member with its role, and with what its own answer adds."""
    answered = host.address == reporter
    if host.address == writer:
        role = HostRole.WRITER
    elif host.role is HostRole.WRITER or (answered and seen.role is HostRole.READER):
        role = HostRole.READER
    else:
        role = host.role
    if not answered:
        return replace(host, role=role)
    host_id, available = host.host_id or seen.host_id, HostAvailability.AVAILABLE
    return replace(host, role=role, availability=available, unavailable_since=None, host_id=host_id)


def _stranger(wanted: str, seen: Observation) -> HostInfo:
    """Return a host that is in no table."""
    host, _, port = wanted.rpartition(":")
    return HostInfo(host.removeprefix("[").removesuffix("]"), int(port), host_id=seen.host_id)


def _updated_at(row: Row) -> float:
    return -math.inf if row.updated_at is None else row.updated_at


def _order(host: HostInfo) -> tuple[str, str]:
    return host.host_id or "", host.address
