"""Sessions that end while something is going on, and what is left of them."""

from __future__ import annotations

import inspect
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.opened import Opened
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, NetworkError
from support.flavours import BlockingFlavour
from support.waiting import eventually

if TYPE_CHECKING:
    from types import FrameType

    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from support.flavours import Flavour


def cluster_of(session: Any) -> Cluster:
    cluster: Cluster = session.cluster
    return cluster


def test_the_monitor_ends_with_the_last_connection_and_not_a_refresh_later(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        first = await flavour.connected(network, cluster.writer_endpoint, topology_refresh_ms=3_600_000)
        second = await flavour.connected(network, cluster.reader_endpoint)
        monitor = cluster_of(first).monitor
        first.release()
        eventually(lambda: monitor.threads)
        second.release()
        eventually(lambda: not monitor.threads)

    flavour.run(scenario())


def test_closing_during_a_failover_ends_the_wait_with_the_drivers_error(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    flavour = BlockingFlavour()
    session = flavour.run(flavour.connected(network, cluster.writer_endpoint, failover_timeout_sec=3600))
    cursor = session.raw.cursor()
    known = cluster_of(session)
    cluster[1].kill()
    errors: list[BaseException] = []

    def call() -> None:
        try:
            session.call(cursor.execute, "SELECT")
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            errors.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    eventually(lambda: known.monitor._searches)
    session.release()
    caller.join(10)
    assert [type(error) for error in errors] == [NetworkError]
    eventually(lambda: not known.monitor.threads)


def test_closing_cuts_the_line_of_a_call_that_is_running_before_the_connection_is_freed(
    flavour: Flavour, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, ())
        raw, abort = session.raw, session.adapter.abort
        closed_when_cut: list[bool] = []

        def note(connection: Any) -> None:
            closed_when_cut.append(connection.closed)
            abort(connection)

        monkeypatch.setattr(session.adapter, "abort", note)
        cluster[1].freeze()

        async def close() -> None:
            while not session.running:
                await session.io.sleep(0.005)
            await session.end()

        error, _ = await flavour.together(flavour.execute(session, "SELECT"), close())
        assert isinstance(error, NetworkError)
        assert closed_when_cut == [False]
        assert raw.closed

    flavour.run(scenario())


def test_a_closed_session_does_not_take_a_new_connection(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        raw, opened = session.raw, await session.open(session.host)
        session.release()
        await session.switch(opened, "a test")
        assert session.raw is raw
        assert opened.raw.closed

    flavour.run(scenario())


def test_a_session_that_is_closed_in_the_midst_of_a_switch_keeps_no_connection(
    flavour: Flavour, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        opened = await session.open(session.host)

        async def closed_by_another_thread(_io: Any, old: Any, *_: Any, **__: Any) -> None:
            session.release()
            BlockingFlavour().run(old._close())

        monkeypatch.setattr(session.adapter, "copy_state", closed_by_another_thread)
        await session.switch(opened, "a test")
        assert opened.raw.closed

    flavour.run(scenario())


def test_an_interrupt_at_the_start_of_a_search_leaves_no_search_behind(
    network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster(network)
    flavour = BlockingFlavour()
    session = flavour.run(flavour.connected(network, cluster.writer_endpoint))
    monitor = cluster_of(session).monitor
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if threading.current_thread() is threading.main_thread():  # where Python runs signal handlers
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), monitor.search(time.monotonic()):
        pass
    monkeypatch.undo()
    assert not monitor._searches
    session.release()
    eventually(lambda: not any(thread.name.startswith("topology ") for thread in threading.enumerate()))


def test_a_connect_timeout_of_the_programs_does_not_outlast_the_failover(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    flavour = BlockingFlavour()
    session = flavour.run(flavour.connected(network, cluster.writer_endpoint, connect_timeout=25))
    opened = flavour.run(session.open(session.host, deadline=Deadline.after(3.5)))
    assert opened.raw.arguments["connect_timeout"] == 4
    opened = flavour.run(session.open(session.host))
    assert opened.raw.arguments["connect_timeout"] == 25


def test_the_reason_for_a_hosts_silence_is_forgotten_with_the_search(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    flavour = BlockingFlavour()
    session = flavour.run(flavour.connected(network, cluster.writer_endpoint))
    monitor = cluster_of(session).monitor
    cluster[3].kill()
    with monitor.search(time.monotonic()):
        eventually(lambda: any(cluster[3].name in address for address in monitor.reasons))
    session.release()
    eventually(lambda: not monitor.threads)
    assert monitor.reasons == {}


@pytest.mark.parametrize("code", ["aurora_connection_tracker", "host_monitoring"])
def test_a_plugin_may_be_closed_at_any_moment(network: FakeNetwork, code: str) -> None:
    """As another thread does that closes a shared connection; here it comes in before each line."""
    flavour = BlockingFlavour()
    session = flavour.run(flavour.connected(network, FakeCluster(network).writer_endpoint, [code]))
    (plugin,) = session.plugins
    opened = Opened(session.raw, session.host)
    file = inspect.getfile(type(plugin))
    moments = 0

    def play(moment: int) -> None:
        def another_thread(frame: FrameType, event: str, _: object) -> Any:
            nonlocal moments
            if frame.f_code.co_filename == file and event == "line":
                moments += 1
                if moments == moment:
                    sys.settrace(None)
                    plugin.close()
            return another_thread

        sys.settrace(another_thread)
        plugin.connected(opened)

    traced = sys.gettrace()
    try:
        for moment in range(1, 30):
            moments = 0
            play(moment)
    finally:
        sys.settrace(traced)
    assert 3 < moments < 30
    session.release()


def test_a_thread_that_is_gone_in_a_forked_child_keeps_no_session_from_lending_its_credentials(
    network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is only held up here; in the child it would never go on."""
    flavour, cluster = BlockingFlavour(), FakeCluster(network)
    rest: dict[str, Any] = {"topology_refresh_ms": 3_600_000}  # the monitor borrows nothing meanwhile
    one, other = (flavour.run(flavour.connected(network, cluster.writer_endpoint, **rest)) for _ in range(2))
    inside, leave = threading.Event(), threading.Event()

    def held_up() -> Any:
        inside.set()
        leave.wait(10)
        return other.adapter.blocking()

    monkeypatch.setattr(one.adapter, "blocking", held_up)
    holding = threading.Thread(target=lambda: one.credentials)
    holding.start()
    assert inside.wait(10)
    lending = threading.Thread(target=lambda: other.credentials)
    lending.start()
    lending.join(2)
    in_vain = lending.is_alive()
    leave.set()
    holding.join(10)
    assert not in_vain
