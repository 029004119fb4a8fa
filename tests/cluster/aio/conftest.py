"""The asyncio flavour: tests of the blocking one get connections that are awaited for them, others await themselves."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.in_loop import LoopThread
from cluster.playing import play_in_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.playing import Play


@pytest.fixture
def uvloop(aurora_postgresql: LocalCluster) -> Any:
    """Return the module, where it can be used with a cluster of this machine."""
    module = pytest.importorskip("uvloop", reason="uvloop is not installed: it has no wheel for this Python")
    resolution = aurora_postgresql.resolution
    if resolution is not None and resolution.mode == "hook":  # uvloop asks the operating system itself
        pytest.skip(f"uvloop does not find the names of the local cluster: {resolution.reason}")
    return module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what does not take its connections from the fixture: it would be the blocking flavour again."""
    items[:] = [item for item in items if not _is_the_same(item)]


def _is_the_same(item: pytest.Item) -> bool:
    here = item.path.parent == Path(__file__).parent
    foreign = getattr(item, "function", _is_the_same).__module__.startswith("cluster.")
    return here and foreign and not {"connect", "play_scenes"} & {*getattr(item, "fixturenames", ())}


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Return `asyncio.run`, and then the same of the other event loop that programs use."""
    return asyncio.run if request.param == "asyncio" else request.getfixturevalue("uvloop").run


@pytest.fixture
def play_scenes() -> Play:
    """Return the function that plays scenes all at once, in tasks of one loop."""
    return play_in_tasks


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    with closing(LoopThread()) as thread:
        yield thread


@pytest.fixture
def connect(driver: Driver, loop_thread: LoopThread) -> Iterator[Callable[..., Any]]:
    """Return the function of the same name for the blocking flavour, with connections of the other one."""
    with ExitStack() as connections:

        def connect_to(cluster: LocalCluster, host: str | None = None, **arguments: Any) -> Any:
            parameters = {"autocommit": True, **driver.arguments, **arguments}
            connection = loop_thread.call(
                AsyncAwsWrapperConnection.connect, driver.connect, cluster.conninfo(host), **parameters
            )
            return connections.enter_context(closing(connection))

        yield connect_to
    release_resources()
