"""Scenes that are played all at once, one connection each, in both flavours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, Event, run
from cluster import faults, mysql_faults
from cluster.engines import POSTGRESQL
from cluster.support import Background
from support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.faults import Case


class PlayedScene(Protocol):
    """One method, on a connection of its own."""

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters of the connection."""
        ...

    async def play(self, connecting: Any) -> None:
        """Wait for the connection, and call the method."""
        ...


S = TypeVar("S", bound=PlayedScene)

Play = Callable[..., Any]
"""The type of the functions that play."""


def cases_of(driver: Driver) -> list[Case]:
    """Return the methods of a driver."""
    return faults.CASES if driver.engine is POSTGRESQL else mysql_faults.cases_of(driver.name)


def play_in_threads(
    cluster: LocalCluster,
    driver: Driver,
    cases: Sequence[Case],
    make: Callable[[Case, Event], S],
    direct: Callable[[list[S]], None],
) -> list[S]:
    """Play a scene of each case in threads, while `direct` makes things happen."""
    scenes = [make(case, BlockingIo().event()) for case in cases]

    def play(scene: S) -> None:
        settings = {**driver.arguments, **scene.settings}
        run(scene.play(AwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **settings)))

    threads = [Background(play, scene) for scene in scenes]
    direct(scenes)
    for thread in threads:
        thread.result()
    return scenes


def play_in_tasks(
    cluster: LocalCluster,
    driver: Driver,
    cases: Sequence[Case],
    make: Callable[[Case, Event], S],
    direct: Callable[[list[S]], None],
) -> list[S]:
    """Do the same in tasks of one loop."""

    async def play_all() -> list[S]:
        scenes = [make(case, AsyncioIo().event()) for case in cases]
        directing = asyncio.get_running_loop().run_in_executor(None, direct, scenes)
        await asyncio.gather(directing, *(asyncio.wait_for(play(scene), 2 * PATIENCE) for scene in scenes))
        return scenes

    async def play(scene: S) -> None:
        settings = {**driver.arguments, **scene.settings}
        await scene.play(AsyncAwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **settings))

    return asyncio.run(play_all())
