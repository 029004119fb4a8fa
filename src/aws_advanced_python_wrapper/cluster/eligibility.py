"""Which hosts come into question before one of them is chosen: plain functions, each of which prefers some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo

Hosts: TypeAlias = Sequence[HostInfo]


@dataclass(frozen=True, slots=True)
class Backoff:
    """When an unavailable host is worth a try: `initial` seconds after it was lost, and twice as long each time."""

    initial: float = 30.0
    retries: int = 5

    def is_due(self, tries: int, last: float, now: float) -> bool:
        """Tell whether to try a host again that was tried so often, and that was lost, or last tried, at `last`."""
        return tries < self.retries and now >= last + self.initial * 2**tries


class Retries:
    """How often hosts were chosen although they were unavailable, and when last. Times are monotonic, in seconds."""

    def __init__(self) -> None:
        self._by_address: dict[str, tuple[float | None, int, float]] = {}

    def is_due(self, host: HostInfo, backoff: Backoff, now: float) -> bool:
        """Tell whether an unavailable host is to be tried again."""
        tries, last = self._of(host, now)
        return backoff.is_due(tries, last, now)

    def note(self, host: HostInfo, now: float) -> None:
        """Count a choice; one of a host that is available ends the count."""
        if host.availability is HostAvailability.AVAILABLE:
            self._by_address.pop(host.address, None)
        else:
            self._by_address[host.address] = host.unavailable_since, self._of(host, now)[0] + 1, now

    def _of(self, host: HostInfo, now: float) -> tuple[int, float]:
        since = host.unavailable_since
        lost_at, tries, last = self._by_address.get(host.address, (since, 0, now if since is None else since))
        return (tries, last) if lost_at == since or since is None else (0, since)  # it was lost anew meanwhile


def available(hosts: Hosts, due: Callable[[HostInfo], bool] = lambda _: False) -> Hosts:
    """Return the hosts that can be reached, as far as is known, and those that are due for a try; else all."""
    return [host for host in hosts if host.availability is HostAvailability.AVAILABLE or due(host)] or hosts


def within_lag(hosts: Hosts, most: float | None) -> Hosts:
    """Return the hosts that are at most so many milliseconds behind the writer, perhaps none; unknown is within."""
    return [host for host in hosts if most is None or host.lag_ms is None or host.lag_ms <= most]


def near(hosts: Hosts, zone: str | None, zones: Mapping[str, str]) -> Hosts:
    """Return the hosts of an availability zone; all of them if there is none there."""
    if zone is None:
        return hosts
    return [host for host in hosts if (host.look_up(zones) or "").lower() == zone.lower()] or hosts
