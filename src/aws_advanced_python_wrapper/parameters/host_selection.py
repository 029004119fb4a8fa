"""How one host is chosen among several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from aws_advanced_python_wrapper.converters import (
    NUMBER,
    TEXT,
    WEIGHTS,
    WHOLE_NUMBER,
    Converter,
    Parameter,
    choice,
    optional,
    unknown,
)

Strategy: TypeAlias = str | Callable[[Sequence[Any]], Any]
"""The name of a strategy, or the user's function, which is called with the hosts and returns one of them."""

STRATEGIES: Final = (
    "random",
    "round_robin",
    "weighted_random",
    "highest_weight",
    "least_connections",
    "fastest_response",
)

_MISSPELT: Final = MappingProxyType({"fastest_reponse": "fastest_response"})  # so in the sister drivers' documentation
_NO_WEIGHTS: Final[Mapping[str, int]] = MappingProxyType({})
_NO_ZONES: Final[Mapping[str, str]] = MappingProxyType({})


def _strategy(value: Any) -> Strategy:
    if callable(value):
        function: Strategy = value
        return function
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - one kind of error for every value refused
    name = value.strip().lower().replace("-", "_")
    name = _MISSPELT.get(name, name)
    if name not in STRATEGIES:
        raise unknown("host selector strategy", value, STRATEGIES)
    return name


def _zones(value: Any) -> Mapping[str, str]:
    if isinstance(value, str):
        pairs = [pair.rpartition(":")[::2] for pair in value.split(",") if pair.strip()]
    elif isinstance(value, Mapping) and all(isinstance(name, str) for pair in value.items() for name in pair):
        pairs = list(value.items())
    else:
        raise ValueError
    zones = {host.strip(): zone.strip() for host, zone in pairs}
    if not all(host and zone for host, zone in zones.items()):
        raise ValueError
    return MappingProxyType(zones)


STRATEGY: Final = Converter("the name of a strategy, or as a keyword a function that chooses", _strategy)
_ZONES: Final = Converter("host:zone pairs separated by commas", _zones)
_BACKOFF: Final = Converter("exponential_backoff or an empty text", choice("", "exponential_backoff").read)

READER_HOST_SELECTOR_STRATEGY: Final[Parameter[Strategy]] = Parameter(
    "reader_host_selector_strategy", STRATEGY, "random", "host selection", "How a reader is chosen."
)

ROUND_ROBIN_DEFAULT_WEIGHT: Final[Parameter[int]] = Parameter(
    "round_robin_default_weight",
    WHOLE_NUMBER,
    1,
    "host selection",
    "Turns in a row of a host without a weight of its own.",
    minimum=1,
)

ROUND_ROBIN_HOST_WEIGHT_PAIRS: Final[Parameter[Mapping[str, int]]] = Parameter(
    "round_robin_host_weight_pairs",
    WEIGHTS,
    _NO_WEIGHTS,
    "host selection",
    "Turns in a row by host, as host:weight,host:weight.",
)

WEIGHTED_RANDOM_DEFAULT_WEIGHT: Final[Parameter[int]] = Parameter(
    "weighted_random_default_weight",
    WHOLE_NUMBER,
    1,
    "host selection",
    "Weight of a host without a weight of its own, for weighted_random and highest_weight.",
    minimum=1,
)

WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS: Final[Parameter[Mapping[str, int]]] = Parameter(
    "weighted_random_host_weight_pairs",
    WEIGHTS,
    _NO_WEIGHTS,
    "host selection",
    "Weights by host for weighted_random and highest_weight, as host:weight,host:weight.",
)

RESPONSE_MEASUREMENT_INTERVAL_MS: Final[Parameter[int]] = Parameter(
    "response_measurement_interval_ms",
    WHOLE_NUMBER,
    30_000,
    "host selection",
    "Time between two measurements of a host's response time, with the plugin fastest_response_strategy.",
    unit="milliseconds",
    minimum=1,
)

READER_MAX_LAG_MS: Final[Parameter[float | None]] = Parameter(
    "reader_max_lag_ms",
    optional(NUMBER),
    None,
    "host selection",
    "Replica lag from which a reader is passed over while another host is nearer to the writer.",
    unit="milliseconds",
    minimum=0,
)

AVAILABILITY_ZONE: Final[Parameter[str | None]] = Parameter(
    "availability_zone",
    optional(TEXT),
    None,
    "host selection",
    "The availability zone of this program: hosts in the same one are preferred. Needs host_availability_zones.",
)

HOST_AVAILABILITY_ZONES: Final[Parameter[Mapping[str, str]]] = Parameter(
    "host_availability_zones",
    _ZONES,
    _NO_ZONES,
    "host selection",
    "The availability zones of the hosts, as host:zone,host:zone.",
)

DEFAULT_HOST_AVAILABILITY_STRATEGY: Final[Parameter[str]] = Parameter(
    "default_host_availability_strategy",
    _BACKOFF,
    "",
    "host selection",
    "With `exponential_backoff` an unavailable host is tried again now and then, else only once it has answered.",
)

HOST_AVAILABILITY_STRATEGY_MAX_RETRIES: Final[Parameter[int]] = Parameter(
    "host_availability_strategy_max_retries",
    WHOLE_NUMBER,
    5,
    "host selection",
    "How often exponential_backoff has an unavailable host tried again.",
    minimum=1,
)

HOST_AVAILABILITY_STRATEGY_INITIAL_BACKOFF_TIME: Final[Parameter[int]] = Parameter(
    "host_availability_strategy_initial_backoff_time",
    WHOLE_NUMBER,
    30,
    "host selection",
    "Time until exponential_backoff has an unavailable host tried again for the first time; it doubles each time.",
    unit="seconds",
    minimum=1,
)
