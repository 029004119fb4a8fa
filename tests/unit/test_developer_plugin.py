from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.developer_plugin import DeveloperPlugin
from aws_advanced_python_wrapper.developer_plugin import ExceptionSimulatorManager as Manager
from aws_advanced_python_wrapper.plugin import HostInfo, plugin_of
from aws_advanced_python_wrapper.testing import FakeCluster, IntegrityError, LoginError, NetworkError, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.developer_plugin import ExceptionSimulator
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.flavours import Flavour


@pytest.fixture(autouse=True)
def _no_errors_left() -> Iterator[None]:
    yield
    Manager.clear()


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


def test_the_next_attempt_to_connect_fails(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    error = LoginError("simulated")
    Manager.raise_exception_on_next_connect(IntegrityError("superseded"))
    Manager.raise_exception_on_next_connect(error)

    async def scenario() -> None:
        with pytest.raises(LoginError) as caught:
            await flavour.connected(network, cluster.writer_endpoint, ["dev"])
        assert caught.value is error
        assert network.attempts == []
        session = await flavour.connected(network, cluster.writer_endpoint, ["dev"])
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Cursor.execute", IntegrityError("simulated")), "is no name of a method, give one such as 'Cursor.execute'"),
        ((IntegrityError("simulated"), "execute"), "'execute' is no name of a method"),
        (("simulated",), "'simulated' cannot be raised, give an instance of an exception class first"),
        ((IntegrityError,), "cannot be raised, give an instance"),
    ],
)
def test_what_cannot_be_raised_is_refused_at_once(arguments: Any, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        Manager.raise_exception_on_next_method(*arguments)
    if len(arguments) == 1:
        with pytest.raises(AwsWrapperError, match=message):
            Manager.raise_exception_on_next_connect(*arguments)


def test_the_next_call_fails_once(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    error = IntegrityError("simulated")

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["failover", "dev"])
        Manager.raise_exception_on_next_method(error)
        with pytest.raises(IntegrityError) as caught:
            await flavour.execute(session, "SELECT")
        assert caught.value is error
        assert network.log == []
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())


def test_the_next_call_of_one_method_fails(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["dev"])
        Manager.raise_exception_on_next_method(IntegrityError("in commit"), "Connection.commit")
        Manager.raise_exception_on_next_method(IntegrityError("in execute"), "Cursor.execute")
        with pytest.raises(IntegrityError, match="in execute"):
            await flavour.execute(session, "SELECT")
        assert await flavour.execute(session, "SELECT") == "db-1"
        with pytest.raises(IntegrityError, match="in commit"):
            await flavour.call(session, session.raw.commit)
        await flavour.call(session, session.raw.commit)

    flavour.run(scenario())


@pytest.mark.parametrize(
    ("before", "outcome"), [("SELECT", FailoverSuccessError), ("BEGIN", TransactionResolutionUnknownError)]
)
def test_a_network_error_is_as_good_as_a_real_one(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, before: str, outcome: type[Exception]
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["failover", "dev"])
        raw = session.raw
        await flavour.execute(session, before)
        Manager.raise_exception_on_next_method(NetworkError("simulated"))
        with pytest.raises(outcome) as caught:
            await flavour.execute(session, "SELECT")
        assert str(caught.value.__cause__) == "simulated"
        assert raw.closed
        assert session.raw is not raw
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())


def test_without_failover_a_network_error_ends_the_connection(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["dev"])
        Manager.raise_exception_on_next_method(NetworkError("simulated"))
        with pytest.raises(NetworkError, match="simulated"):
            await flavour.execute(session, "SELECT")
        assert session.raw.closed

    flavour.run(scenario())


def test_connect_failover_deals_with_a_simulated_error_too(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster
) -> None:
    async def scenario() -> None:
        first = await flavour.connected(network, cluster.writer_endpoint)
        Manager.raise_exception_on_next_connect(NetworkError("simulated"))
        session = await flavour.connected(network, cluster[1].name, ["failover", "dev"], enable_connect_failover=True)
        assert session.host.host_id == "db-1"
        first.release()

    flavour.run(scenario())


def test_a_connection_may_have_errors_of_its_own(network: FakeNetwork, cluster: FakeCluster) -> None:
    first, second = (connect(network, cluster.writer_endpoint, ["dev"]) for _ in range(2))
    Manager.raise_exception_on_next_method(IntegrityError("for all"))
    plugin_of(first, DeveloperPlugin).simulator.raise_exception_on_next_method(IntegrityError("for the first"))
    with pytest.raises(IntegrityError, match="for the first"):
        first.execute("SELECT")
    with pytest.raises(IntegrityError, match="for all"):
        second.execute("SELECT")
    assert first.execute("SELECT").fetchone() == second.execute("SELECT").fetchone() == ("db-1",)


class ByHost:
    """Lets no connection reach a host, and notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, bool]] = []

    def get_exception_to_raise(
        self,
        target_driver_func: Callable[..., Any],
        driver_dialect: Any,
        host_info: HostInfo,
        props: Any,
        is_initial_connection: bool,
        connect_func: Callable[..., Any],
    ) -> Exception | None:
        assert callable(target_driver_func)
        assert callable(connect_func)
        assert props.host
        assert driver_dialect.code == "psycopg"
        self.given.append((host_info.host.partition(".")[0], is_initial_connection))
        return NetworkError("simulated") if host_info.host.startswith("db-2.") else None


class ByStatement:
    def get_exception_to_raise(
        self, target: type, method_name: str, execute_func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Exception | None:
        assert callable(execute_func)
        assert kwargs == {}
        return IntegrityError(f"{target.__name__} {method_name}") if args == ("DROP",) else None


def test_callbacks_decide_each_time(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster) -> None:
    async def scenario(simulator: ExceptionSimulator, by_host: ByHost) -> None:
        simulator.set_connect_callback(by_host)
        session = await flavour.connected(network, cluster[1].name, ["failover", "dev"])
        for _ in range(2):
            with pytest.raises(NetworkError):
                await flavour.connected(network, cluster[2].name, ["dev"])
        cluster[1].drop()
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        assert by_host.given == [("db-1", True), ("db-2", True), ("db-2", True), ("db-1", False)]
        simulator.set_method_callback(ByStatement())
        for _ in range(2):
            with pytest.raises(IntegrityError, match=r"FakeCursor Cursor\.execute"):
                await flavour.execute(session, "DROP")
            assert await flavour.execute(session, "SELECT") == "db-1"
        simulator.set_method_callback(None)
        simulator.set_connect_callback(None)
        assert await flavour.execute(session, "DROP") == "db-1"
        await flavour.connected(network, cluster[2].name, ["dev"])

    flavour.run(scenario(Manager, ByHost()))


def test_what_is_simulated_is_told_in_the_log_without_what_the_error_says(
    network: FakeNetwork, cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aws_advanced_python_wrapper.developer_plugin")
    connection = connect(network, cluster.writer_endpoint, ["dev"])
    Manager.raise_exception_on_next_method(IntegrityError("secret"))
    with pytest.raises(IntegrityError):
        connection.execute("SELECT")
    assert caplog.messages == ["raising IntegrityError instead of calling Connection.execute"]
