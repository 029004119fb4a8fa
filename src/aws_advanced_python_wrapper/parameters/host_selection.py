"""How one host is chosen among several."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from aws_advanced_python_wrapper.converters import TEXT, WEIGHTS, WHOLE_NUMBER, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_WEIGHTS: Mapping[str, int] = MappingProxyType({})

READER_HOST_SELECTOR_STRATEGY: Final[Parameter[str]] = Parameter(
    "reader_host_selector_strategy", TEXT, "random", "host selection", "How a reader is chosen."
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
    "Weight of a host without a weight of its own.",
    minimum=1,
)

WEIGHTED_RANDOM_HOST_WEIGHT_PAIRS: Final[Parameter[Mapping[str, int]]] = Parameter(
    "weighted_random_host_weight_pairs",
    WEIGHTS,
    _NO_WEIGHTS,
    "host selection",
    "Weights by host, as host:weight,host:weight.",
)
