"""A strategy's name and the settings that go with it, made into a function that chooses a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from aws_advanced_python_wrapper.cluster.host import HostInfo
from aws_advanced_python_wrapper.cluster.selectors import SELECTORS, SelectorState, Weights, canonical
from aws_advanced_python_wrapper.parameters.host_selection import (
    ROUND_ROBIN_DEFAULT_WEIGHT,
    ROUND_ROBIN_HOST_WEIGHT_PAIRS,
    WEIGHTED_RANDOM_DEFAULT_WEIGHT,
    WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.plugin import SessionView

HostChoice: TypeAlias = Callable[[Sequence[HostInfo]], HostInfo]
"""Chooses one of at least one host."""

_WEIGHTS = {
    "round_robin": (ROUND_ROBIN_DEFAULT_WEIGHT, ROUND_ROBIN_HOST_WEIGHT_PAIRS),
    "weighted_random": (WEIGHTED_RANDOM_DEFAULT_WEIGHT, WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS),
}


def host_choice(session: SessionView, strategy: str) -> HostChoice:
    """Return the choice that a strategy makes among the hosts of the session's cluster, with the user's weights.

    Raises:
        AwsWrapperError: there is no such strategy.
    """
    name = canonical(strategy)
    selector, weights, settings = SELECTORS[name], Weights(), session.settings
    if name in _WEIGHTS:
        default, pairs = _WEIGHTS[name]
        weights = Weights(settings[default], settings[pairs])

    alone = SelectorState()

    def choose(hosts: Sequence[HostInfo]) -> HostInfo:
        return selector(hosts, weights, session.cluster.selector_state if session.cluster else alone)

    return choose
