"""What the logger of the plugin `failover` tells: each thing once, and nothing above INFO where all ends well."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.core.plugin import ConnectNext, Plugin
from aws_advanced_python_wrapper.errors import (
    FailoverFailedError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.failover_plugin import logger
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, NetworkError, ReadOnlyError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from support.flavours import Flavour


@pytest.fixture
def story(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "aws_advanced_python_wrapper")
    return caplog


def told(story: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the plugin's logger, without what differs from run to run."""
    ours = [record.getMessage() for record in story.records if record.name == logger.name]
    return [
        re.sub(r"\d+\.\d{3} s", "… s", line).replace(".c1x2y3z4abcd.us-east-2.rds.amazonaws.com", "") for line in ours
    ]


def highest_level(story: pytest.LogCaptureFixture) -> int:
    return max(record.levelno for record in story.records if record.name.startswith("aws_advanced_python_wrapper"))


class Refused(Plugin):
    """Does not let the session reach another host for a while."""

    code = "refused"
    attempts = 0
    most = 0

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        if self.attempts < self.most and "cluster" not in host.host:
            self.attempts += 1
            raise NetworkError("no route")
        return await proceed(host)


def test_a_failover_that_tries_often_tells_each_thing_once(
    flavour: Flavour, network: FakeNetwork, story: pytest.LogCaptureFixture
) -> None:
    class OftenRefused(Refused):
        most = 30

    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ("failover", OftenRefused))
        story.clear()
        cluster[1].kill()
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())
    lines = told(story)
    assert "could not connect to db-2:5432 (no route); took … s" in lines
    assert "connected to db-2:5432, which is the writer; took … s" in lines
    assert lines[-1] == "failed over from db-1:5432 to db-2:5432 in … s: the program gets FailoverSuccessError"
    assert len(lines) <= 12
    assert len(lines) == len(set(lines))
    assert highest_level(story) == logging.INFO


def test_a_transaction_that_is_lost_is_told(
    flavour: Flavour, network: FakeNetwork, story: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await flavour.execute(session, "BEGIN")
        story.clear()
        cluster.fail_over(2)
        with pytest.raises(TransactionResolutionUnknownError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())
    assert re.match(r"lost the connection to db-1:5432 \(.+\), in a transaction; failing over", told(story)[0])
    assert told(story)[-1].endswith("the program gets TransactionResolutionUnknownError")
    assert highest_level(story) == logging.INFO


def test_a_failover_that_fails_is_one_warning(
    flavour: Flavour, network: FakeNetwork, story: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, failover_timeout_sec=0.1)
        story.clear()
        for host in cluster.hosts:
            host.kill()
        with pytest.raises(FailoverFailedError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())
    (warning,) = [record.getMessage() for record in story.records if record.levelno > logging.INFO]
    assert warning.startswith("could not fail over from db-1")
    assert "no host of the cluster said in time that it is the writer" in warning


def test_a_refused_write_that_is_the_programs_own_doing_is_no_loss(
    flavour: Flavour, network: FakeNetwork, story: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await flavour.execute(session, "SET READ ONLY")
        story.clear()
        with pytest.raises(ReadOnlyError):
            await flavour.execute(session, "INSERT")

    flavour.run(scenario())
    assert re.match(r"db-1:5432 takes no writes \(.+\); is it the writer\?", told(story)[0])
    assert [line for line in told(story) if "lost" in line or "failed over" in line] == []
    assert highest_level(story) == logging.DEBUG
