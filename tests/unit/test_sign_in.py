from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.blocking_plugin import BlockingPlugin
from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.core.sign_in import DatabaseCredentials, SignIn, SignInError
from aws_advanced_python_wrapper.errors import AwsWrapperError, FailoverSuccessError
from aws_advanced_python_wrapper.testing import (
    FakeAdapter,
    FakeCluster,
    LoginError,
    NetworkError,
    aconnect,
    connect,
)
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.flavours import Flavour


class Keys(SignIn):
    """Gives out passwords from a list, each as long as it is not refused; notes for which hosts."""

    offered: list[str]
    asked: list[tuple[str, str | None]]
    trouble: str | None = None

    @property
    def key(self) -> str:
        return "keys"

    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        refused = request.refused
        Keys.asked.append((request.host.host.partition(".")[0], refused.password if refused else None))
        if Keys.trouble:
            raise SignInError(Keys.trouble)
        if refused and refused.password in Keys.offered:
            Keys.offered.remove(refused.password)
        return DatabaseCredentials(None, Keys.offered[0]) if Keys.offered else None

    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials | None:
        del settings, host
        return DatabaseCredentials("prober", Keys.offered[0])


class Keeper(Plugin):
    """Signs in with them."""

    code = "keeper"

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn | None:
        del settings, adapter
        return Keys()


class OtherKeeper(BlockingPlugin):
    code = "other_keeper"

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn | None:
        del settings, adapter
        return Keys()


@pytest.fixture(autouse=True)
def _new_keys() -> None:
    Keys.offered, Keys.asked, Keys.trouble = ["first"], [], None


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    network.passwords = {"first"}
    return FakeCluster(network)


async def _open(flavour: Flavour, network: FakeNetwork, host: str, *plugins: Any, **parameters: Any) -> Any:
    if flavour.asynchronous:
        return await aconnect(network, host, plugins, **parameters)
    return connect(network, host, plugins, **parameters)


def test_connections_are_opened_with_the_credentials_of_the_plugin(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper, password="the program's"))

    assert network.opened[-1].arguments["password"] == "first"
    assert network.opened[-1].arguments["user"] == "app"


def test_credentials_that_a_server_refuses_are_replaced(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    Keys.offered = ["stale", "first"]

    flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper))

    assert [refused for _, refused in Keys.asked] == [None, "stale"]


@pytest.fixture
def _without_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_gc")
@pytest.mark.parametrize("offered", [["stale", "first"], ["stale"]])
def test_a_session_whose_credentials_were_refused_goes_by_reference_counting_alone(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, offered: list[str]
) -> None:
    Keys.offered = list(offered)

    async def scenario() -> weakref.ref[Session]:
        session = flavour.session(network, cluster.writer_endpoint, [Keeper])
        with contextlib.suppress(LoginError):
            await session.connect()
        return weakref.ref(session)

    session = flavour.run(scenario())

    assert [refused for _, refused in Keys.asked] == [None, "stale"]
    assert session() is None


def test_where_there_are_no_others_the_servers_own_error_is_raised(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    Keys.offered = ["wrong"]

    with pytest.raises(LoginError, match="password authentication failed") as raised:
        flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper))

    assert type(raised.value) is LoginError
    assert "wrong" not in str(raised.value)


def test_where_others_cannot_be_had_the_servers_own_error_is_raised_and_the_reason_logged(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    Keys.offered = ["wrong"]

    def fail_from_now_on() -> None:
        Keys.trouble = "the keys are lost: look under the mat"

    network.passwords = _Watched(fail_from_now_on)
    with pytest.raises(LoginError, match="password authentication failed") as raised:
        flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper))

    assert isinstance(raised.value.__cause__, SignInError)
    assert "there are no others: the keys are lost: look under the mat" in caplog.text


class _Watched(set[str]):
    """Accepts no password, and tells when one is tried."""

    def __init__(self, tried: Callable[[], None]) -> None:
        self._tried = tried

    def __contains__(self, password: object) -> bool:
        self._tried()
        return False


def test_other_errors_do_not_ask_for_other_credentials(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    cluster.hosts[0].kill()

    with pytest.raises(NetworkError):
        flavour.run(_open(flavour, network, cluster.hosts[0].name, Keeper))

    assert [refused for _, refused in Keys.asked] == [None]


def test_trouble_with_signing_in_is_an_error_of_the_drivers_that_says_what_to_do(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    Keys.trouble = "the keys are lost: look under the mat"

    with pytest.raises(AwsWrapperError, match="look under the mat") as raised:
        flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper))

    assert isinstance(raised.value, FakeAdapter(network, asynchronous=False).errors.Error)


def test_a_failover_signs_in_to_the_new_host(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    async def scenario() -> str:
        connection = await _open(flavour, network, cluster.writer_endpoint, Keeper, "failover")
        cluster.fail_over(to=2)
        Keys.asked.clear()
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(connection._session, "INSERT")
        return str(connection._session.host.host_id)

    host_id = flavour.run(scenario())

    assert (host_id, None) in Keys.asked


def test_the_monitor_of_the_topology_signs_in_too(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    connection = flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper, "failover"))
    eventually(lambda: network.opened_by("monitor"))

    assert {one.arguments["password"] for one in network.opened_by("monitor")} == {"first"}
    del connection


def test_a_password_for_the_monitor_alone_is_the_monitors(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    network.passwords = {"first", "another"}
    own = {"topology-monitoring-password": "another", "topology-monitoring-user": "watcher"}

    connection = flavour.run(_open(flavour, network, cluster.writer_endpoint, Keeper, "failover", **own))
    eventually(lambda: network.opened_by("monitor"))

    assert {one.arguments["password"] for one in network.opened_by("monitor")} == {"another"}
    del connection


def test_probes_of_host_monitoring_sign_in_with_what_is_at_hand(network: FakeNetwork, cluster: FakeCluster) -> None:
    patience = {"failure_detection_time_ms": 10, "failure_detection_interval_ms": 10, "failure_detection_count": 3}
    connection = connect(network, cluster.writer_endpoint, [Keeper, "host_monitoring"], **patience)
    waiting = threading.Thread(target=connection.execute, args=["SLEEP"], daemon=True)
    waiting.start()

    eventually(lambda: [one for one in network.opened if one.arguments["user"] == "prober"])
    probe = next(one for one in network.opened if one.arguments["user"] == "prober")

    assert probe.arguments["password"] == "first"
    cluster[1].start()
    waiting.join(5)


def test_two_plugins_cannot_both_sign_in(network: FakeNetwork, cluster: FakeCluster) -> None:
    with pytest.raises(AwsWrapperError, match=r"keeper \(Keeper\) and other_keeper .* both sign in: keep one"):
        connect(network, cluster.writer_endpoint, [Keeper, OtherKeeper])


def test_credentials_do_not_show_their_password() -> None:
    assert "first" not in repr(DatabaseCredentials("app", "first"))
