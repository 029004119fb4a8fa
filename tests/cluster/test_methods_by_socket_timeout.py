"""Every method that touches the network, with a socket_timeout and a server that falls silent, in both flavours."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import release_resources
from cluster.faults import CASES, TABLE, Case, done
from cluster.playing import play_in_tasks, play_in_threads
from cluster.support import PATIENCE, eventually, fresh_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Event
    from aws_advanced_python_wrapper.local import LocalCluster

pytestmark = pytest.mark.timeout(200)

SOCKET_TIMEOUT = 1.0  # s

# A program waits for news as long as it likes.
LIMITED = [case for case in CASES if case.name != "connection.notifies"]


@pytest.fixture(scope="module")
def lonely(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return a cluster of one instance, on which transactions can be prepared."""
    return local_cluster_factory(name="lonely", instances=1, server_settings={"max_prepared_transactions": "100"})


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
        try:
            await self.case.play(connection, self._wait)
        except psycopg.OperationalError as error:
            self.outcome = f"{type(error).__name__}, {'closed' if connection.closed else 'open'}"
        except Exception as error:  # noqa: BLE001 - it stands in the table, and fails the test
            self.outcome = repr(error)
        await done(connection.close())

    async def _wait(self) -> None:
        self.ready = True
        assert await self.cut.wait(PATIENCE)


@pytest.mark.filterwarnings("ignore:.* was deleted while still open:ResourceWarning")  # cursors of lost connections
@pytest.mark.parametrize("play", [play_in_threads, play_in_tasks], ids=["blocking", "asyncio"])
def test_every_method_ends_by_a_timeout_when_the_server_is_silent(
    lonely: LocalCluster,
    play: Callable[..., list[Scene]],
    record_matrix: Callable[[str, str, str], None],
    request: pytest.FixtureRequest,
) -> None:
    lonely.restore()
    release_resources()
    fresh_table(lonely, TABLE.removeprefix("public."), "id int")

    def direct(scenes: list[Scene]) -> None:
        eventually(lambda: all(scene.ready or scene.outcome for scene in scenes))
        lonely.writer.proxy.blackhole()
        for scene in scenes:
            scene.cut.set()

    scenes = play(lonely, LIMITED, Scene, direct)
    lonely.writer.proxy.resume()
    flavour = request.node.callspec.id
    for scene in scenes:
        record_matrix(scene.case.name, f"timeout {flavour}", scene.outcome)
    expected = "QueryTimeoutError, closed"
    assert {scene.case.name: scene.outcome for scene in scenes} == {case.name: expected for case in LIMITED}
    gc.collect()  # the cursors go here, where a warning of that is expected
