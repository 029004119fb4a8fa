from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.selectors import SelectorState
from aws_advanced_python_wrapper.core.selection import host_choice
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.properties import Settings

HOSTS = [HostInfo(name, 5432, HostRole.READER) for name in "ab"]


def picks(strategy: str, times: int, **given: Any) -> str:
    state = SelectorState(random.Random(7))  # noqa: S311 - reproducible
    cluster = SimpleNamespace(selector_state=state)
    session: Any = SimpleNamespace(settings=Settings.from_arguments("", given, ()), cluster=cluster)
    choose = host_choice(session, strategy)
    return "".join(choose(HOSTS).host for _ in range(times))


@pytest.mark.parametrize("strategy", ["round_robin", "Round-Robin", " ROUND-ROBIN "])
def test_the_turns_are_the_users_however_the_strategy_is_spelt(strategy: str) -> None:
    assert picks(strategy, 8, round_robin_host_weight_pairs="a:3", round_robin_default_weight=1) == "aaabaaab"
    assert picks(strategy, 6, round_robin_default_weight=2) == "aabbaa"


@pytest.mark.parametrize("strategy", ["weighted_random", "weighted-random", "Weighted_Random"])
def test_the_chances_are_the_users_however_the_strategy_is_spelt(strategy: str) -> None:
    chosen = picks(strategy, 1000, weighted_random_host_weight_pairs="a:9", weighted_random_default_weight=1)
    assert 850 < chosen.count("a") < 950


def test_a_strategy_has_its_own_weights_only() -> None:
    assert picks("round_robin", 4, weighted_random_host_weight_pairs="a:9") == "abab"
    assert set(picks("random", 50, round_robin_host_weight_pairs="a:1000000")) == {"a", "b"}


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(AwsWrapperError, match="did you mean 'round_robin'"):
        picks("roundrobin", 1)
