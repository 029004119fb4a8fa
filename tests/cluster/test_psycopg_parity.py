"""What a program sees of psycopg, it sees through this driver: the same scenarios on both sides, compared."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from cluster.parity.noting import SIDES, WELL
from cluster.parity.sides import VERSION, Scenario, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster

# A program is told of a failover instead of the loss; monitors of a cluster have connections that come and go.
DIFFERENT_ON_A_CLUSTER = ("connections-a_session_the_server_ends", "connections-nothing_is_left_behind")

# Scenarios use what the newest psycopg has; an older one ends them early, on all sides alike.
NEWEST = VERSION >= (3, 3)

SUBJECTS = ("connections", "cursors", "server_cursors", "transactions", "pipelines", "copies", "pools")


def scenarios() -> Iterator[Any]:
    for subject in SUBJECTS:
        module = import_module(f"cluster.parity.{subject}")
        for name, function in vars(module).items():
            if inspect.iscoroutinefunction(function) and not name.startswith("_"):
                yield pytest.param(function, id=f"{subject}-{name}")


@pytest.fixture(scope="module")
def one_server(local_cluster_factory: Callable[..., LocalCluster]) -> Iterator[LocalCluster]:
    yield local_cluster_factory(name="plain", deployment="plain", instances=1)
    release_resources()


flavours = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])


@flavours
@pytest.mark.parametrize("scenario", list(scenarios()))
def test_a_program_sees_the_same(one_server: LocalCluster, scenario: Scenario, asynchronous: bool) -> None:
    assert_same(one_server, scenario, SIDES, asynchronous=asynchronous)


@flavours
@pytest.mark.parametrize("scenario", [each for each in scenarios() if each.id not in DIFFERENT_ON_A_CLUSTER])
def test_a_program_sees_the_same_on_a_cluster(
    aurora_postgresql: LocalCluster, scenario: Scenario, asynchronous: bool
) -> None:
    assert_same(aurora_postgresql, scenario, ["bare", "default plugins"], asynchronous=asynchronous)


def assert_same(cluster: LocalCluster, scenario: Scenario, sides: Iterable[str], *, asynchronous: bool) -> None:
    bare, *ours = (Side(name, cluster.conninfo(), asynchronous=asynchronous).play(scenario) for name in sides)
    if NEWEST:
        assert len(bare) > 1, "the scenario noted nothing"
        assert bare[-1] == (WELL,)
    for notes in ours:
        assert notes == bare
