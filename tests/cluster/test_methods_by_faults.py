"""Every method that touches the network, met by every fault, in both flavours; printed as a table by the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import (
    FailoverSuccessError,
    TransactionResolutionUnknownError,
    release_resources,
)
from cluster.faults import CASES, TABLE, Case, done
from cluster.playing import play_in_tasks, play_in_threads
from cluster.support import PATIENCE, WHO, eventually, fresh_table, true_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Event
    from aws_advanced_python_wrapper.local import LocalCluster

pytestmark = pytest.mark.timeout(200)

SETTINGS = {
    "plugins": "aurora_connection_tracker,failover,host_monitoring",
    "failure_detection_time_ms": 1000,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
}


@pytest.fixture(scope="module")
def prepared_cluster(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    settings = {"max_prepared_transactions": "100"}
    return local_cluster_factory(name="prepared", instances=3, server_settings=settings)


class Scene:
    """One case being played: up to the cut, and from there to its outcome."""

    def __init__(self, case: Case, event: Event) -> None:
        self.case = case
        self.connection: Any = None
        self.ready = False
        self.outcome = ""
        self.host = ""
        self._cut = event
        self._met = False

    @property
    def settings(self) -> dict[str, Any]:
        return {**SETTINGS, "autocommit": self.case.autocommit}

    def cut(self) -> None:
        self._cut.set()

    def is_in_the_middle(self) -> bool:
        """Tell whether the method waits, or did: the silence may have been noticed already."""
        self._met = self._met or bool(self.outcome or self.connection._session.running)
        return self._met

    async def play(self, connecting: Any) -> None:
        self.connection = await done(connecting)
        try:
            self.outcome = await self._meet()
            self.host = await self._host()
        except Exception as error:  # noqa: BLE001 - it stands in the table, and fails the test
            self.outcome = f"{self.outcome} {error!r}".strip()

    async def _meet(self) -> str:
        try:
            await self.case.play(self.connection, self._wait)
        except FailoverSuccessError:
            return "success"
        except TransactionResolutionUnknownError:
            return "unknown"
        return "came through"

    async def _host(self) -> str:
        if not self.case.autocommit:
            await done(self.connection.rollback())
        cursor = await done(self.connection.execute(WHO))
        host: str = (await done(cursor.fetchone()))[0]
        await done(self.connection.close())
        return host

    async def _wait(self) -> None:
        self.ready = True
        assert await self._cut.wait(PATIENCE)


def killed(cluster: LocalCluster) -> None:
    cluster.failover(kind="crash")


def frozen(cluster: LocalCluster) -> None:
    cluster.failover(kind="hang")


def reset(cluster: LocalCluster) -> None:
    writer = cluster.writer
    writer.proxy.reset()
    writer.proxy.resume()


def demoted(cluster: LocalCluster) -> None:
    cluster.failover(kind="graceful")


@pytest.mark.parametrize("play", [play_in_threads, play_in_tasks], ids=["blocking", "asyncio"])
@pytest.mark.parametrize("fault", [killed, frozen, reset, demoted])
def test_every_method_ends_with_an_outcome_and_goes_on_at_the_writer(
    prepared_cluster: LocalCluster,
    fault: Callable[[LocalCluster], None],
    play: Callable[..., list[Scene]],
    record_matrix: Callable[[str, str, str], None],
    request: pytest.FixtureRequest,
) -> None:
    cluster = prepared_cluster
    cluster.restore()
    release_resources()
    fresh_table(cluster, TABLE.removeprefix("public."), "id int")

    def direct(scenes: list[Scene]) -> None:
        eventually(lambda: all(scene.ready or scene.outcome for scene in scenes))
        cluster.writer.proxy.blackhole()
        for scene in scenes:
            scene.cut()
        eventually(lambda: sum(scene.is_in_the_middle() for scene in scenes) == len(scenes))
        fault(cluster)

    scenes = play(cluster, CASES, Scene, direct)
    for scene in scenes:
        record_matrix(scene.case.name, f"{fault.__name__} {request.node.callspec.id.split('-')[-1]}", scene.outcome)
    expected = {case.name: "unknown" if case.unknown else "success" for case in CASES}
    assert {scene.case.name: scene.outcome for scene in scenes} == expected
    assert {scene.host for scene in scenes} == {true_writer(cluster)}
