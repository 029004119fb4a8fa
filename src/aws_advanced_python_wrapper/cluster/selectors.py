"""How one host is chosen among several: plain functions, one for each strategy."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from aws_advanced_python_wrapper.cluster.eligibility import Retries
from aws_advanced_python_wrapper.cluster.host import HostInfo

_NO_TURN = (0, 0)


@dataclass(frozen=True, slots=True)
class Weights:
    """The user's weights by host name, address or host id; ``default`` is for hosts not named."""

    default: int = 1
    pairs: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, host: HostInfo) -> int:
        """Return the weight of a host."""
        return host.look_up(self.pairs) or self.default


class SelectorState:
    """What choices remember from one to the next, and what they know of the cluster, which owns the state.

    `connections` counts those that this process has to the hosts, by address; `response_time` gives seconds for an
    address, None for a host that is not measured; `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        rng: random.Random | None = None,
        connections: Callable[[], Counter[str]] = Counter,
        response_time: Callable[[str], float | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self.connections = connections
        self.response_time = response_time
        self.clock = clock
        self.turns: dict[str, tuple[int, int]] = {}
        """Address -> number of its last turn, and how many it has had in a row."""
        self.numbers = itertools.count(1)
        self.retries = Retries()
        self.after_fork()

    def after_fork(self) -> None:
        """Renew the lock: in a forked child it may be held by a thread of the parent."""
        self.lock = threading.RLock()  # re-entrant: a signal handler may open a connection at any moment


Selector: TypeAlias = Callable[[Sequence[HostInfo], Weights, SelectorState], HostInfo]
"""Chooses among hosts of which there is at least one; called under the state's lock."""


def choose_random(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:  # noqa: ARG001
    """Choose with equal chances."""
    return state.rng.choice(hosts)


def choose_round_robin(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:
    """Choose the host whose last turn is longest ago, at first by address; one of weight n has n turns in a row.

    So the choice is fair also among hosts that come and go, and among several sets of hosts of one cluster.
    """

    def last_turn(host: HostInfo) -> tuple[int, int]:
        return state.turns.get(host.address, _NO_TURN)

    in_order = sorted(hosts, key=lambda host: host.address)
    latest = max(in_order, key=last_turn)
    _number, in_a_row = last_turn(latest)
    goes_on = 0 < in_a_row < weights.of(latest)
    chosen = latest if goes_on else min(in_order, key=lambda host: last_turn(host)[0])
    state.turns[chosen.address] = next(state.numbers), in_a_row + 1 if goes_on else 1
    return chosen


def choose_weighted_random(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:
    """Choose with chances by weight."""
    return state.rng.choices(hosts, [_weight(host, weights) for host in hosts])[0]


def choose_highest_weight(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:
    """Choose the host with the highest weight, by chance where several have it."""
    return _one_of_least(hosts, lambda host: -_weight(host, weights), state)


def choose_least_connections(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:  # noqa: ARG001
    """Choose the host to which this process has the fewest connections, by chance where several have as few."""
    connections = state.connections()
    return _one_of_least(hosts, lambda host: connections[host.address], state)


def choose_fastest_response(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:  # noqa: ARG001
    """Choose the host that answers in the shortest time; a random one while none is measured."""
    times = {host: state.response_time(host.address) for host in hosts}
    measured = {host: seconds for host, seconds in times.items() if seconds is not None}
    return min(measured, key=measured.__getitem__) if measured else state.rng.choice(hosts)


SELECTORS: Mapping[str, Selector] = MappingProxyType(
    {
        "random": choose_random,
        "round_robin": choose_round_robin,
        "weighted_random": choose_weighted_random,
        "highest_weight": choose_highest_weight,
        "least_connections": choose_least_connections,
        "fastest_response": choose_fastest_response,
    }
)


def _weight(host: HostInfo, weights: Weights) -> int:
    """By the user; where no host was named, the host's own."""
    return weights.of(host) if weights.pairs else host.weight


def _one_of_least(hosts: Sequence[HostInfo], measure: Callable[[HostInfo], Any], state: SelectorState) -> HostInfo:
    least = min(map(measure, hosts))
    return state.rng.choice([host for host in hosts if measure(host) == least])
