"""The clusters that this process knows, and how a connection finds its own."""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from aws_advanced_python_wrapper.cluster.background import first_accepted
from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole, address
from aws_advanced_python_wrapper.cluster.monitor import Observer, Pace, TopologyMonitor
from aws_advanced_python_wrapper.cluster.places import Places
from aws_advanced_python_wrapper.cluster.response_times import ResponseTimes
from aws_advanced_python_wrapper.cluster.selectors import SelectorState
from aws_advanced_python_wrapper.cluster.store import TopologyStore
from aws_advanced_python_wrapper.cluster.topology import Observation, Row
from aws_advanced_python_wrapper.cluster.tracking import ConnectionTracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.cluster.endpoint import InstancePattern
    from aws_advanced_python_wrapper.database.dialect import Dialect, Member

# Connections to one host that failover opens at a time, so that a host which has just taken over is not overrun.
_DOOR = 16

# Seconds after which a connection that is still not where it was to go has failed to get there.
_LONGEST_WAY = 30.0

_Doors: TypeAlias = "weakref.WeakKeyDictionary[object, dict[str, Places]]"


class Credentials(Protocol):
    """How one connection's settings open the monitor's own connections."""

    @property
    def key(self) -> str:
        """The same for settings that open the same connection."""
        ...

    def observe(self, host: HostInfo) -> Observer:
        """Open a connection to a host; raises `RefusedError` if the server does not accept these credentials."""
        ...


class Tenant(Protocol):
    """A connection that belongs to a cluster."""

    @property
    def credentials(self) -> Credentials:
        """What the monitor may use while this connection lives."""
        ...

    host: HostInfo
    """The host it leads to."""
    heading_for: tuple[str, float] | None
    """The address of the host that was chosen for it, and the monotonic time of that; None once it leads there."""


class Cluster:
    """One cluster: its topology, the monitor that keeps it true, and the connections that need it.

    Connections are held weakly: one that is dropped without close is collected, and the monitor ends after the last.
    """

    def __init__(self, pattern: InstancePattern, port: int, pace: Pace, dialect: Dialect) -> None:
        self.dialect = dialect
        self.pattern = pattern
        self.port = pattern.port or port
        self.store = TopologyStore()
        self.tracker = ConnectionTracker(self.store)
        self.monitor = TopologyMonitor(self.store, self._open_observer, self._is_wanted, pace)
        self.response_times = ResponseTimes(self.store)
        self.selector_state = SelectorState(connections=self._connections, response_time=self.response_times.of)
        self._tenants: weakref.WeakSet[Tenant] = weakref.WeakSet()
        self._doors: _Doors = weakref.WeakKeyDictionary()
        self._turns = itertools.count()
        self._lock = threading.RLock()  # a signal handler or a finalizer may close a connection at any moment

    def address_of(self, host_id: str) -> str:
        """Return "host:port" of an instance."""
        return address(self.pattern.host(host_id), self.port)

    def observation(self, host_id: str, role: HostRole, members: Sequence[Member], at: float) -> Observation:
        """Put into hosts and ports what an instance said at monotonic time `at`, of itself and of the members."""
        host = self.pattern.host
        rows = (Row(m.host_id, host(m.host_id), self.port, m.is_writer, m.lag_ms, m.updated_at) for m in members)
        return Observation(self.address_of(host_id), host_id, role, tuple(rows), at)

    def knows(self, host_id: str) -> bool:
        """Tell whether an instance is a member, as far as is known."""
        topology = self.store.current
        return bool(topology and topology.find(self.address_of(host_id)))

    def door(self, address: str, lane: object) -> Places:
        """Return the places of those who connect to a host at the same time because they have lost another one.

        Each `lane` has its own: a blocked event loop keeps its places, and must not hold up the others.
        """
        with self._lock:
            doors = self._doors.setdefault(lane, {})
            return doors.setdefault(address, Places(_DOOR))

    def join(self, tenant: Tenant) -> None:
        """Count a connection in, and see to it that the topology is watched."""
        with self._lock:
            self._tenants.add(tenant)
        self.monitor.start()

    def leave(self, tenant: Tenant) -> None:
        """Count a closed connection out."""
        with self._lock:
            self._tenants.discard(tenant)
            last = not self._tenants
        if last:
            self.monitor.reconsider()

    def after_fork(self) -> None:
        """Start clean in a forked child: the parent's threads, connections and held locks are not ours."""
        self._lock = threading.RLock()
        self._tenants = weakref.WeakSet()
        self._doors = weakref.WeakKeyDictionary()
        self.selector_state.after_fork()
        self.store.after_fork()
        self.tracker.after_fork()
        self.monitor.after_fork()
        self.response_times.after_fork()

    def _is_wanted(self) -> bool:
        # Asked under the monitor's lock, so without ours: a finalizer that comes in under ours may want the monitor's.
        return len(self._tenants) > 0

    def _live_tenants(self) -> list[Tenant]:
        with self._lock:
            return list(self._tenants)

    def _connections(self) -> Counter[str]:
        """Count connections by the addresses of hosts; one that is on its way counts where it will be."""
        old, tenants = time.monotonic() - _LONGEST_WAY, self._live_tenants()
        ways = ((tenant.host.address, tenant.heading_for) for tenant in tenants)
        return Counter(here if way is None or way[1] < old else way[0] for here, way in ways)

    def _open_observer(self, host: HostInfo) -> Observer:
        offers = list({tenant.credentials.key: tenant.credentials for tenant in self._live_tenants()}.values())
        # Each time another one goes first: a user who has reached a connection limit is no hindrance to the others.
        first = next(self._turns) % max(1, len(offers))
        return first_accepted(host, [credentials.observe for credentials in offers[first:] + offers[:first]])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pattern} {self.store.current!r}>"


@dataclass
class Directory:
    """Finds clusters by what is known of them: an endpoint's name, a `cluster_id`, or a member's address.

    The same instance address is the same cluster: instance names are unique within an account and region, and their
    domain names both. (PostgreSQL's system identifier is not: restored and cloned clusters carry the original's.)
    """

    _lock: threading.RLock = field(default_factory=threading.RLock)
    _by_name: dict[str, Cluster] = field(default_factory=dict)
    _in_use: weakref.WeakSet[Cluster] = field(default_factory=weakref.WeakSet)
    """All clusters that a name or a connection knows: connections keep theirs when it is forgotten here."""
    _dialect_codes: dict[str, str] = field(default_factory=dict)
    era: int = 0
    """Grows whenever all background threads of the process have ended; a connection compares it before each call."""

    def find(self, name: str, address: str | None = None) -> Cluster | None:
        """Return the cluster that goes by that name, or of which a member has that address."""
        with self._lock:
            return self._by_name.get(name) or self._with_member(address)

    def settle(self, name: str, addresses: Sequence[str], new: Cluster) -> Cluster:
        """Return the cluster that has one of these members, or else `new`; from now on it goes by that name too."""
        with self._lock:
            known = map(self._with_member, addresses)
            cluster = self._by_name[name] = next(filter(None, known), new)
            self._in_use.add(cluster)
            return cluster

    def _with_member(self, address: str | None) -> Cluster | None:
        return next((cluster for cluster in self._by_name.values() if _has_member(cluster, address)), None)

    def dialect_code(self, address: str) -> str | None:
        """Return the dialect that the server at an endpoint was found to speak, if it has been asked."""
        return self._dialect_codes.get(address)

    def note_dialect_code(self, address: str, code: str) -> None:
        """Remember the dialect of an endpoint."""
        self._dialect_codes[address] = code

    def clear(self) -> None:
        """Stop all monitors and forget everything; connections that are open stay usable."""
        with self._lock:
            clusters = list(self._in_use)  # one that was forgotten before may have been joined again since
            self._by_name, self._dialect_codes = {}, {}
        for cluster in clusters:
            cluster.monitor.stop()
            cluster.response_times.stop()
        self.era += 1

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        self._lock = threading.RLock()
        self.era += 1
        for cluster in list(self._in_use):
            cluster.after_fork()


def _has_member(cluster: Cluster, address: str | None) -> bool:
    topology = cluster.store.current
    return bool(address and topology and topology.find(address))


CLUSTERS = Directory()
os.register_at_fork(after_in_child=CLUSTERS.after_fork)
