"""Every method that touches the network, met by every fault, with every driver; printed as a table by the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import (
    FailoverSuccessError,
    TransactionResolutionUnknownError,
    release_resources,
)
from cluster.drivers import every_driver
from cluster.engines import POSTGRESQL
from cluster.faults import TABLE, Case, done, first_value
from cluster.mysql_faults import ELSEWHERE, NOT_IMPLEMENTED
from cluster.playing import cases_of
from cluster.support import engine_of, fresh_table, true_writer
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Event
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.playing import Play
    from cluster.support import Connect

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # methods that MySQL Connector/Python wants to be rid of
    every_driver,
]

SETTINGS = {
    "plugins": "aurora_connection_tracker,failover,host_monitoring",
    "failure_detection_time_ms": 1000,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
    "auxiliary_query_timeout_sec": 20,  # all connect at once: on a busy machine answers take long
}


@pytest.fixture(scope="module")
def prepared_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    settings = {"max_prepared_transactions": "100"}
    return local_cluster_factory(name="prepared", instances=3, server_settings=settings)


@pytest.fixture
def ready_cluster(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    """Return a cluster on which all methods of the driver work."""
    release_resources()
    name = "prepared_postgresql" if driver.engine is POSTGRESQL else "healthy_aurora_mysql"
    cluster: LocalCluster = request.getfixturevalue(name)
    cluster.restore()
    fresh_table(cluster, TABLE.removeprefix("public."), "id int")
    return cluster


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
        """Tell whether the method waits, or did: the silence may have been noticed before it had begun."""
        session, raw = self.connection._session, self.connection.target_connection
        self._met = self._met or bool(self.outcome or session.running or session.adapter.is_closed(raw))
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
        host = await first_value(self.connection, engine_of(self.connection).who)
        await done(self.connection.close())
        return str(host)

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


@pytest.mark.parametrize("fault", [killed, frozen, reset, demoted])
def test_every_method_ends_with_an_outcome_and_goes_on_at_the_writer(
    ready_cluster: LocalCluster,
    driver: Driver,
    fault: Callable[[LocalCluster], None],
    play_scenes: Play,
    record_matrix: Callable[[str, str, str], None],
) -> None:
    cluster, cases = ready_cluster, cases_of(driver)

    def direct(scenes: list[Scene]) -> None:
        eventually(lambda: all(scene.ready or scene.outcome for scene in scenes))
        cluster.writer.proxy.blackhole()
        for scene in scenes:
            scene.cut()
        eventually(lambda: sum(scene.is_in_the_middle() for scene in scenes) == len(scenes))
        fault(cluster)

    scenes = play_scenes(cluster, driver, cases, Scene, direct)
    for scene in scenes:
        record_matrix(scene.case.name, fault.__name__, scene.outcome)
    expected = {case.name: "unknown" if case.unknown else "success" for case in cases}
    assert {scene.case.name: scene.outcome for scene in scenes} == expected
    assert {scene.host for scene in scenes} == {true_writer(cluster)}


@pytest.mark.drivers("mysql")
def test_no_method_is_left_out(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = connect(cluster)
    adapter = connection._session.adapter
    played = {case.name.partition(",")[0].partition(".")[2] for case in cases_of(driver)}
    raw = (connection.target_connection, connection.cursor().target_cursor)
    calls = {*adapter.connection_calls, *adapter.cursor_calls, *adapter.row_sources}
    left_out = calls - played - {*ELSEWHERE} - NOT_IMPLEMENTED.get(driver.name, set())
    assert [name for name in left_out if any(hasattr(one, name) for one in raw)] == []
    assert not adapter.getters - played
