from __future__ import annotations

import logging
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.connect_time_plugin import ConnectTimePlugin
from aws_advanced_python_wrapper.core.tally import Tally
from aws_advanced_python_wrapper.execute_time_plugin import ExecuteTimePlugin
from aws_advanced_python_wrapper.testing import FakeCluster, IntegrityError, NetworkError
from support.forking import works_in_a_child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.flavours import Flavour


@pytest.fixture(autouse=True)
def _from_zero() -> Iterator[None]:
    ConnectTimePlugin.reset_connect_time()
    ExecuteTimePlugin.reset_execute_time()
    yield
    ConnectTimePlugin.reset_connect_time()
    ExecuteTimePlugin.reset_execute_time()


def test_the_time_of_connecting_is_added_up(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        began = time.perf_counter_ns()
        await flavour.connected(network, cluster.writer_endpoint, ["connect_time"])
        once = ConnectTimePlugin.connect_time
        assert once > 0
        cluster[1].kill()
        with pytest.raises(NetworkError):
            await flavour.connected(network, cluster.writer_endpoint, ["connect_time"])
        assert once < ConnectTimePlugin.connect_time < time.perf_counter_ns() - began
        ConnectTimePlugin.reset_connect_time()
        assert ConnectTimePlugin.connect_time == 0

    flavour.run(scenario())


def test_the_connections_of_a_failover_count_behind_it(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["failover", "connect_time"])
        before = ConnectTimePlugin.connect_time
        cluster.fail_over(to=2)
        with pytest.raises(Exception, match="now leads to db-2"):
            await flavour.execute(session, "SELECT")
        assert ConnectTimePlugin.connect_time > before

    flavour.run(scenario())


def test_the_time_of_calls_is_added_up(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["execute_time"])
        assert ExecuteTimePlugin.execute_time == 0
        began = time.perf_counter_ns()
        await flavour.execute(session, "SELECT")
        once = ExecuteTimePlugin.execute_time
        network.faults["SELECT"] = IntegrityError("duplicate key")
        with pytest.raises(IntegrityError):
            await flavour.execute(session, "SELECT")
        assert 0 < once < ExecuteTimePlugin.execute_time < time.perf_counter_ns() - began
        ExecuteTimePlugin.reset_execute_time()
        assert ExecuteTimePlugin.execute_time == 0

    flavour.run(scenario())


def test_the_log_tells_the_time_of_each(
    flavour: Flavour, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster(network)
    caplog.set_level(logging.DEBUG, "aws_advanced_python_wrapper")

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["connect_time", "execute_time"])
        await flavour.execute(session, "SELECT 'secret'")

    flavour.run(scenario())
    lines = [re.sub(r"\d+\.\d{3} ms", "T", message) for message in caplog.messages]
    assert f"connecting to {cluster.writer_endpoint}:5432 took T" in lines
    assert "Cursor.execute took T" in lines
    assert "secret" not in caplog.text


class Counted:
    count = Tally()


def test_no_addition_of_a_thread_is_lost() -> None:
    tally: Any = vars(Counted)["count"]
    tally.reset()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [tally.add(1) for _ in range(2000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert Counted.count == Counted().count == 16_000


def test_a_forked_child_adds_though_a_thread_of_its_parents_was_adding() -> None:
    tally: Any = vars(Counted)["count"]
    with tally._lock:
        assert works_in_a_child(lambda: tally.add(1))
