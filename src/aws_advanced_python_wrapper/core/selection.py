"""A strategy and the settings that go with it, made into a function that chooses a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from aws_advanced_python_wrapper.cluster.eligibility import Backoff, available, near, within_lag
from aws_advanced_python_wrapper.cluster.host import HostInfo
from aws_advanced_python_wrapper.cluster.selectors import SELECTORS, SelectorState, Weights
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.host_selection import (
    AVAILABILITY_ZONE,
    DEFAULT_HOST_AVAILABILITY_STRATEGY,
    HOST_AVAILABILITY_STRATEGY_INITIAL_BACKOFF_TIME,
    HOST_AVAILABILITY_STRATEGY_MAX_RETRIES,
    HOST_AVAILABILITY_ZONES,
    READER_MAX_LAG_MS,
    ROUND_ROBIN_DEFAULT_WEIGHT,
    ROUND_ROBIN_HOST_WEIGHT_PAIRS,
    WEIGHTED_RANDOM_DEFAULT_WEIGHT,
    WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.core.plugin import SessionView
    from aws_advanced_python_wrapper.parameters.host_selection import Strategy
    from aws_advanced_python_wrapper.properties import Settings

HostChoice: TypeAlias = Callable[[Sequence[HostInfo]], HostInfo]
"""Chooses one of at least one host."""

_PLUGIN = "fastest_response_strategy"
_BY_CHANCE = (WEIGHTED_RANDOM_DEFAULT_WEIGHT, WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS)
_WEIGHTS = {
    "round_robin": (ROUND_ROBIN_DEFAULT_WEIGHT, ROUND_ROBIN_HOST_WEIGHT_PAIRS),
    "weighted_random": _BY_CHANCE,
    "highest_weight": _BY_CHANCE,
}


def host_choice(session: SessionView, parameter: Parameter[Strategy]) -> HostChoice:
    """Return the choice that the strategy given by `parameter` makes among hosts of the session's cluster.

    The hosts that come into question are preferred in this order: those that can be reached, those within
    `reader_max_lag_ms`, those of the program's availability zone.

    Raises:
        AwsWrapperError: the strategy lacks its plugin, or the availability zones are not given.
    """
    settings, alone = session.settings, SelectorState()
    select, backoff = _selector(session, parameter), _backoff(settings)
    zone, zones = settings[AVAILABILITY_ZONE], settings[HOST_AVAILABILITY_ZONES]
    if zone is not None and not zones:
        raise AwsWrapperError(
            f"Parameter {AVAILABILITY_ZONE.name}: where the hosts are is not known. "
            f"Give {HOST_AVAILABILITY_ZONES.name}, for example instance-1:{zone},instance-2:…"
        )

    def choose(hosts: Sequence[HostInfo]) -> HostInfo:
        if not hosts:
            raise AwsWrapperError(f"No host to choose by {parameter.name}: the list of hosts is empty.")
        state = session.cluster.selector_state if session.cluster else alone
        now = state.clock()
        reachable = available(hosts, lambda host: backoff is not None and state.retries.is_due(host, backoff, now))
        chosen = select(near(within_lag(reachable, settings[READER_MAX_LAG_MS]) or reachable, zone, zones), state)
        state.retries.note(chosen, now)
        return chosen

    return choose


def eligible_readers(session: SessionView, readers: Sequence[HostInfo]) -> Sequence[HostInfo]:
    """Return the readers that are within `reader_max_lag_ms`; none if those that can be reached are all too late.

    Then the writer is to serve, unless it has to be a reader.
    """
    most = session.settings[READER_MAX_LAG_MS]
    return within_lag(readers, most) if within_lag(available(readers), most) else ()


_Select: TypeAlias = Callable[[Sequence[HostInfo], SelectorState], HostInfo]


def _selector(session: SessionView, parameter: Parameter[Strategy]) -> _Select:
    strategy = session.settings[parameter]
    if not isinstance(strategy, str):
        return _users_own(session, strategy, parameter.name)
    if strategy == "fastest_response" and _PLUGIN not in session.plugin_codes:
        raise AwsWrapperError(f"Parameter {parameter.name}: {strategy} needs the plugin {_PLUGIN}: add it to plugins=")
    selector, weights = SELECTORS[strategy], Weights()
    if strategy in _WEIGHTS:
        default, pairs = _WEIGHTS[strategy]
        weights = Weights(session.settings[default], session.settings[pairs])

    def select(hosts: Sequence[HostInfo], state: SelectorState) -> HostInfo:
        with state.lock:  # who chooses next knows of this choice
            chosen = selector(hosts, weights, state)
            session.heading_for = chosen.address, state.clock()
        return chosen

    return select


def _users_own(session: SessionView, function: Callable[..., object], name: str) -> _Select:
    def select(hosts: Sequence[HostInfo], _state: SelectorState) -> HostInfo:
        error = session.adapter.error
        try:
            chosen = function(tuple(hosts))
        except Exception as raised:
            raise error(AwsWrapperError, f"Parameter {name}: the function raised {raised!r}.") from raised
        for host in hosts:
            if isinstance(chosen, HostInfo) and chosen.address == host.address:
                return host
        raise error(
            AwsWrapperError,
            f"Parameter {name}: the function returned {chosen!r}; it has to return one of the hosts it was given.",
        )

    return select


def _backoff(settings: Settings) -> Backoff | None:
    if not settings[DEFAULT_HOST_AVAILABILITY_STRATEGY]:
        return None
    initial = settings[HOST_AVAILABILITY_STRATEGY_INITIAL_BACKOFF_TIME]
    return Backoff(initial, settings[HOST_AVAILABILITY_STRATEGY_MAX_RETRIES])
