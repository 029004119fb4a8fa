from __future__ import annotations

import random
from collections import Counter

import pytest

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.selectors import SELECTORS, SelectorState, Weights, find
from aws_advanced_python_wrapper.errors import AwsWrapperError

UNAVAILABLE = HostAvailability.UNAVAILABLE


def reader(name: str, availability: HostAvailability = HostAvailability.AVAILABLE, weight: int = 100) -> HostInfo:
    return HostInfo(name, 5432, HostRole.READER, availability, weight, host_id=f"id-{name}")


A, B, C = reader("a"), reader("b"), reader("c")
DOWN = reader("down", UNAVAILABLE, weight=1000)


def picks(strategy: str, hosts: list[HostInfo], times: int, weights: Weights | None = None) -> str:
    state = SelectorState(random.Random(7))  # noqa: S311 - reproducible
    return "".join(find(strategy)(hosts, weights or Weights(), state).host for _ in range(times))


@pytest.mark.parametrize("strategy", SELECTORS)
def test_available_hosts_come_first(strategy: str) -> None:
    assert set(picks(strategy, [DOWN, A], 50)) == {"a"}


@pytest.mark.parametrize("strategy", SELECTORS)
def test_an_unavailable_host_is_better_than_none(strategy: str) -> None:
    assert find(strategy)([DOWN], Weights(), SelectorState()) is DOWN


@pytest.mark.parametrize("strategy", SELECTORS)
def test_an_empty_list_is_told_with_the_strategy(strategy: str) -> None:
    with pytest.raises(AwsWrapperError, match=f"strategy {strategy}"):
        find(strategy)([], Weights(), SelectorState())


def test_random_gives_equal_chances() -> None:
    counts = Counter(picks("random", [A, B, C], 3000))
    assert all(900 < counts[name] < 1100 for name in "abc")


@pytest.mark.parametrize(
    ("hosts", "weights", "wanted"),
    [
        ([C, A, B], Weights(), "abcabca"),
        ([A, B], Weights(2), "aabbaab"),
        ([A, B, C], Weights(1, {"b": 3}), "abbbcab"),
        ([A, B, C], Weights(1, {"id-b": 2}), "abbcabb"),
        ([A, B, C], Weights(1, {"b:5432": 2}), "abbcabb"),
        ([A], Weights(), "aaaaaaa"),
    ],
)
def test_round_robin_takes_turns_by_weight(hosts: list[HostInfo], weights: Weights, wanted: str) -> None:
    assert picks("round_robin", hosts, 7, weights) == wanted


def test_each_owner_has_its_own_turn() -> None:
    first, second = SelectorState(), SelectorState()
    turns = [find("round_robin")([A, B], Weights(), state).host for state in (first, first, second, first, second)]
    assert turns == ["a", "b", "a", "a", "b"]


@pytest.mark.parametrize(
    ("hosts", "weights"),
    [
        ([A, B], Weights(1, {"a": 9})),
        ([A, B], Weights(9, {"b": 1})),
        ([reader("a", weight=90), reader("b", weight=10)], Weights()),
    ],
)
def test_weighted_random_gives_chances_by_weight(hosts: list[HostInfo], weights: Weights) -> None:
    assert 2600 < picks("weighted_random", hosts, 3000, weights).count("a") < 2800


def test_the_highest_weight_wins_and_addresses_break_ties() -> None:
    assert find("highest_weight")([A, reader("z", weight=101)], Weights(), SelectorState()).host == "z"
    assert find("highest_weight")([C, A, B], Weights(), SelectorState()).host == "a"


@pytest.mark.parametrize("name", ["round_robin", "Round-Robin", " ROUND_ROBIN "])
def test_a_strategy_has_several_spellings(name: str) -> None:
    assert find(name) is SELECTORS["round_robin"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("roundrobin", "did you mean 'round_robin'"), ("best", "There are: highest_weight, random")],
)
def test_an_unknown_strategy_is_refused_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        find(name)
