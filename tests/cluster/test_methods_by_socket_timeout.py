"""Every method that touches the network, with a socket_timeout and a server that falls silent, with every driver."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import QueryTimeoutError, release_resources
from cluster.drivers import every_driver
from cluster.engines import POSTGRESQL
from cluster.faults import TABLE, Case, done
from cluster.playing import cases_of
from cluster.support import fresh_table
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Event
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.playing import Play

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # methods that MySQL Connector/Python wants to be rid of
    every_driver,
]

SOCKET_TIMEOUT = 1.0  # s

# A program waits for news as long as it likes.
UNLIMITED = {"connection.notifies"}

# Some drivers say nothing of the loss in these; then the next call has the driver's own error.
SILENT = {
    "connection.is_connected",
    "connection.cmd_reset_connection",
    "connection.consume_results",
    "connection.free_result",
}


@pytest.fixture(scope="module")
def lonely_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return a cluster of one instance, on which transactions can be prepared."""
    return local_cluster_factory(name="lonely", instances=1, server_settings={"max_prepared_transactions": "100"})


@pytest.fixture
def lonely(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    """Return a cluster on which all methods of the driver work."""
    release_resources()
    name = "lonely_postgresql" if driver.engine is POSTGRESQL else "healthy_aurora_mysql"
    cluster: LocalCluster = request.getfixturevalue(name)
    cluster.restore()
    fresh_table(cluster, TABLE.removeprefix("public."), "id int")
    return cluster


class Scene:
    """One method on a connection with a socket_timeout, up to the cut and from there to its outcome."""

    def __init__(self, case: Case, event: Event) -> None:
        self.case = case
        self.cut = event
        self.ready = False
        self.outcome = ""

    @property
    def settings(self) -> dict[str, Any]:
        return {"plugins": "none", "socket_timeout": SOCKET_TIMEOUT, "autocommit": self.case.autocommit}

    async def play(self, connecting: Any) -> None:
        connection = await done(connecting)
        adapter = connection._session.adapter
        try:
            await self.case.play(connection, self._wait)
        except adapter.errors.Error as error:
            closed = adapter.is_closed(connection.target_connection)
            quiet = self.case.name in SILENT and not isinstance(error, QueryTimeoutError)
            self.outcome = f"{'next call' if quiet else type(error).__name__}, {'closed' if closed else 'open'}"
        except Exception as error:  # noqa: BLE001 - it stands in the table, and fails the test
            self.outcome = repr(error)
        await done(connection.close())

    async def _wait(self) -> None:
        self.ready = True
        assert await self.cut.wait(PATIENCE)


@pytest.mark.filterwarnings("ignore:.* was deleted while still open:ResourceWarning")  # cursors of lost connections
def test_every_method_ends_by_a_timeout_when_the_server_is_silent(
    lonely: LocalCluster, driver: Driver, play_scenes: Play, record_matrix: Callable[[str, str, str], None]
) -> None:
    cases = [case for case in cases_of(driver) if case.name not in UNLIMITED]

    def direct(scenes: list[Scene]) -> None:
        eventually(lambda: all(scene.ready or scene.outcome for scene in scenes))
        lonely.writer.proxy.blackhole()
        for scene in scenes:
            scene.cut.set()

    scenes = play_scenes(lonely, driver, cases, Scene, direct)
    lonely.writer.proxy.resume()
    for scene in scenes:
        record_matrix(scene.case.name, "timeout", scene.outcome)
    surprising = {
        scene.case.name: scene.outcome
        for scene in scenes
        if scene.outcome not in {"QueryTimeoutError, closed", "next call, closed"}
    }
    assert surprising == {}
    gc.collect()  # the cursors go here, where a warning of that is expected
