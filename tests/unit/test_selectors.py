from __future__ import annotations

import random
from collections import Counter

import pytest

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.selectors import SELECTORS, SelectorState, Weights
from aws_advanced_python_wrapper.parameters.host_selection import STRATEGIES


def reader(name: str, weight: int = 100) -> HostInfo:
    return HostInfo(name, 5432, HostRole.READER, weight=weight, host_id=f"id-{name}")


A, B, C, D = (reader(name) for name in "abcd")


def new_state(**knowledge: object) -> SelectorState:
    return SelectorState(random.Random(7), **knowledge)  # type: ignore[arg-type]  # noqa: S311 - reproducible


def picks(
    strategy: str, hosts: list[HostInfo], times: int, weights: Weights | None = None, state: SelectorState | None = None
) -> str:
    state = state or new_state()
    return "".join(SELECTORS[strategy](hosts, weights or Weights(), state).host for _ in range(times))


def test_each_strategy_that_can_be_given_has_its_selector() -> None:
    assert tuple(SELECTORS) == STRATEGIES


@pytest.mark.parametrize("strategy", SELECTORS)
def test_of_one_host_it_is_that_one(strategy: str) -> None:
    assert picks(strategy, [A], 5) == "aaaaa"


@pytest.mark.parametrize("strategy", ["random", "fastest_response", "highest_weight", "weighted_random"])
def test_hosts_between_which_nothing_decides_have_equal_chances(strategy: str) -> None:
    counts = Counter(picks(strategy, [A, B, C], 3000))
    assert all(900 < counts[name] < 1100 for name in "abc")


@pytest.mark.parametrize(
    ("hosts", "weights", "wanted"),
    [
        ([C, A, B], Weights(), "abcabca"),
        ([A, B], Weights(2), "aabbaab"),
        ([A, B, C], Weights(1, {"b": 3}), "abbbcab"),
        ([A, B, C], Weights(1, {"id-b": 2}), "abbcabb"),
        ([A, B, C], Weights(1, {"b:5432": 2}), "abbcabb"),
        ([A, B, C], Weights(1, {"ID-B": 2}), "abbcabb"),
    ],
)
def test_round_robin_takes_turns_by_weight(hosts: list[HostInfo], weights: Weights, wanted: str) -> None:
    assert picks("round_robin", hosts, 7, weights) == wanted


def test_each_owner_has_its_own_turn() -> None:
    first, second = SelectorState(), SelectorState()
    turns = [picks("round_robin", [A, B], 1, state=state) for state in (first, first, second, first, second)]
    assert turns == ["a", "b", "a", "a", "b"]


@pytest.mark.parametrize(
    ("stages", "wanted"),
    [
        ([([A, B, C], 4), ([B, C], 2)], "abcabc"),  # a host leaves: nobody's turn is skipped
        ([([A, B], 3), ([A, B, C], 3)], "abacba"),  # a new one comes first, and then in its turn
        ([([A, B, C], 2), ([A, C], 2), ([A, B, C], 3)], "abcabca"),  # one was away for a while
    ],
)
def test_turns_go_on_when_hosts_come_and_go(stages: list[tuple[list[HostInfo], int]], wanted: str) -> None:
    state = SelectorState()
    assert "".join(picks("round_robin", hosts, times, state=state) for hosts, times in stages) == wanted


def test_choices_among_other_hosts_in_between_do_not_take_turns_away() -> None:
    state = SelectorState()
    turns = [picks("round_robin", hosts, 1, state=state) for hosts in ([A, B], [C, D], [C]) * 4]
    assert Counter(turns) == {"a": 2, "b": 2, "c": 5, "d": 3}


def test_connections_with_weights_of_their_own_share_the_turns() -> None:
    state = SelectorState()
    heavy = Weights(1, {"a": 2})
    turns = [picks("round_robin", [A, B], 3, weights, state) for weights in (heavy, Weights(), heavy)]
    assert turns == ["aab", "aba", "aba"]


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


@pytest.mark.parametrize(
    ("hosts", "weights", "wanted"),
    [
        ([A, reader("z", weight=101)], Weights(), {"z"}),
        ([A, B, C], Weights(1, {"b": 2}), {"b"}),
        ([A, B, C], Weights(5, {"b": 2}), {"a", "c"}),
        ([A, reader("z", weight=101)], Weights(1, {"a": 2}), {"a"}),
    ],
)
def test_the_highest_weight_wins(hosts: list[HostInfo], weights: Weights, wanted: set[str]) -> None:
    assert set(picks("highest_weight", hosts, 50, weights)) == wanted


def test_the_host_with_the_fewest_connections_wins() -> None:
    state = new_state(connections=lambda: Counter({"a:5432": 3, "b:5432": 2, "elsewhere:5432": 9}))
    assert picks("least_connections", [A, B], 1, state=state) == "b"
    assert picks("least_connections", [A, B, C], 1, state=state) == "c"


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        ({"a:5432": 0.02, "b:5432": 0.01, "c:5432": 0.03}, "b"),
        ({"a:5432": 0.02, "c:5432": 0.03}, "a"),  # b has not answered
        ({"elsewhere:5432": 0.001, "c:5432": 3.0}, "c"),
    ],
)
def test_the_fastest_response_wins(times: dict[str, float], wanted: str) -> None:
    assert picks("fastest_response", [A, B, C], 3, state=new_state(response_time=times.get)) == wanted * 3
