"""How one host is chosen among several: plain functions, one for each strategy.

Hosts that are unavailable are chosen only when no other is left.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo
from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.errors import AwsWrapperError


@dataclass(frozen=True, slots=True)
class Weights:
    """The user's weights by host name, address or host id; ``default`` is for hosts not named."""

    default: int = 1
    pairs: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, host: HostInfo) -> int:
        """Return the weight of a host."""
        names = (host.address, host.host, host.host_id or host.host)
        return next((self.pairs[name] for name in names if name in self.pairs), self.default)


class SelectorState:
    """What choices need to remember from one to the next; each cluster owns one.

    It needs no lock: taking a number from the counter is a single step for Python.
    """

    __slots__ = ("rng", "turns")

    def __init__(self, rng: random.Random | None = None) -> None:
        self.rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self.turns: Iterator[int] = itertools.count()


Selector: TypeAlias = Callable[[Sequence[HostInfo], Weights, SelectorState], HostInfo]
"""Chooses among hosts of which there is at least one; all of them may be unavailable."""


def choose_random(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:  # noqa: ARG001
    """Choose with equal chances."""
    return state.rng.choice(_reachable(hosts, "random"))


def choose_round_robin(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:
    """Choose in turn, in the order of addresses; a host of weight n has n turns in a row."""
    in_order = sorted(_reachable(hosts, "round_robin"), key=lambda host: host.address)
    last_turns = list(itertools.accumulate(weights.of(host) for host in in_order))
    turn = next(state.turns) % last_turns[-1]
    return next(host for host, last in zip(in_order, last_turns, strict=True) if turn < last)


def choose_weighted_random(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:
    """Choose with chances by the user's weights; by the hosts' own weights when the user named no host."""
    reachable = _reachable(hosts, "weighted_random")
    chances = [weights.of(host) if weights.pairs else host.weight for host in reachable]
    return state.rng.choices(reachable, chances)[0]


def choose_highest_weight(hosts: Sequence[HostInfo], weights: Weights, state: SelectorState) -> HostInfo:  # noqa: ARG001
    """Choose the host with the highest weight of its own, the first such in the order of addresses."""
    return min(_reachable(hosts, "highest_weight"), key=lambda host: (-host.weight, host.address))


SELECTORS: Mapping[str, Selector] = MappingProxyType(
    {
        "random": choose_random,
        "round_robin": choose_round_robin,
        "weighted_random": choose_weighted_random,
        "highest_weight": choose_highest_weight,
    }
)


def canonical(name: str) -> str:
    """Return the one name in `SELECTORS` of a strategy written in any case and with dashes or underscores.

    Raises `AwsWrapperError` for a strategy that does not exist.
    """
    strategy = name.strip().lower().replace("-", "_")
    if strategy not in SELECTORS:
        raise unknown("host selector strategy", name, SELECTORS)
    return strategy


def find(name: str) -> Selector:
    """Return the selector of a strategy, in any of its spellings; raises as `canonical` does."""
    return SELECTORS[canonical(name)]


def _reachable(hosts: Sequence[HostInfo], strategy: str) -> Sequence[HostInfo]:
    if not hosts:
        raise AwsWrapperError(f"No host to choose by strategy {strategy}: the list of hosts is empty.")
    return [host for host in hosts if host.availability is HostAvailability.AVAILABLE] or hosts
