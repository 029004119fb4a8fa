from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import register_plugin
from aws_advanced_python_wrapper.core import registry
from aws_advanced_python_wrapper.core.plugin import Phase, Plugin
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.failover_plugin import FailoverPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator


class Early(Plugin):
    code = "early"
    phase = Phase.TRACKING


class Late(Plugin):
    code = "late"
    phase = Phase.SIGN_IN


class Unphased(Plugin):
    code = "unphased"


class AlsoUnphased(Plugin):
    code = "also_unphased"


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    before = dict(registry._registered)
    yield
    registry._registered.clear()
    registry._registered.update(before)


@pytest.fixture
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    group = registry.ENTRY_POINT_GROUP
    monkeypatch.setattr(sys.modules[registry.__name__], "early_plugin", Early, raising=False)
    monkeypatch.setattr(sys.modules[registry.__name__], "no_plugin", dict, raising=False)
    points = [
        EntryPoint("offered", f"{registry.__name__}:early_plugin", group),
        EntryPoint("broken", f"{registry.__name__}:no_plugin", group),
        EntryPoint("failover", f"{registry.__name__}:early_plugin", group),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints(points).select(group=group))


@pytest.mark.parametrize("code", ["failover", "failover_v2", "failover2"])
def test_failover_has_three_names(code: str) -> None:
    assert plugin_classes([code], sort=True) == [FailoverPlugin]


@pytest.mark.parametrize(
    "requested",
    [
        ["failover", "failover_v2", "failover2"],
        [FailoverPlugin, "failover"],
        ["failover", FailoverPlugin, FailoverPlugin],
    ],
    ids=repr,
)
def test_each_plugin_works_once(requested: list[Any]) -> None:
    assert plugin_classes(requested, sort=True) == [FailoverPlugin]


def test_no_plugin_is_a_choice() -> None:
    assert plugin_classes([], sort=True) == []


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ([Late, FailoverPlugin, Early], [Early, FailoverPlugin, Late]),
        ([Late, Unphased, Early], [Early, Late, Unphased]),
        ([Unphased, Late, Early], [Unphased, Early, Late]),
        ([Late, Unphased, AlsoUnphased, Early], [Early, Late, Unphased, AlsoUnphased]),
        ([Early, Unphased, Late], [Early, Unphased, Late]),
    ],
)
def test_plugins_are_sorted_by_phase_and_one_without_stays_behind_its_neighbour(
    requested: list[Any], expected: list[Any]
) -> None:
    assert plugin_classes(requested, sort=True) == expected
    assert plugin_classes(requested, sort=False) == requested


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("failovr", "No plugin is called 'failovr', did you mean 'failover'"),
        ("Failover-V2", "did you mean 'failover_v2'"),
        ("qqq", r"No plugin is called 'qqq'\. There are: .*failover"),
    ],
)
def test_an_unknown_code_is_told_with_the_nearest(code: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        plugin_classes([code], sort=True)


def test_a_registered_class_has_a_code_and_goes_before_a_built_in_one() -> None:
    register_plugin("mine", Early)
    register_plugin("failover", Late)
    assert plugin_classes(["mine", "failover", "failover2"], sort=False) == [Early, Late, FailoverPlugin]
    with pytest.raises(AwsWrapperError, match="did you mean 'mine'"):
        plugin_classes(["mines"], sort=True)


@pytest.mark.parametrize("wrong", [dict, Early.close, None, 7])
def test_what_is_no_plugin_is_refused(wrong: Any) -> None:
    with pytest.raises(AwsWrapperError, match="not a subclass"):
        register_plugin("wrong", wrong)
    with pytest.raises(AwsWrapperError, match="not a subclass"):
        plugin_classes([wrong], sort=True)


@pytest.mark.usefixtures("_offered")
def test_distributions_offer_plugins() -> None:
    assert plugin_classes(["offered"], sort=True) == [Early]
    assert plugin_classes(["failover"], sort=True) == [FailoverPlugin]
    with pytest.raises(AwsWrapperError, match="not a subclass"):
        plugin_classes(["broken"], sort=True)
    with pytest.raises(AwsWrapperError, match="did you mean 'offered'"):
        plugin_classes(["offerd"], sort=True)
