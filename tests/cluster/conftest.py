"""What tests against real servers share."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, release_resources
from cluster import drivers, playing
from support.secrecy import keep_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.playing import Play


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a marked test run with each of its drivers."""
    mark = metafunc.definition.get_closest_marker("drivers")
    if mark and "driver" in metafunc.fixturenames:
        names = drivers.of_test(drivers_at(metafunc.definition), mark)
        metafunc.parametrize("driver", names, indirect=True)


def drivers_at(item: pytest.Item) -> dict[str, Driver]:
    """Return the drivers of the flavour that a test is for, by the folder where it was collected."""
    return drivers.ASYNCIO if item.path.parent.name == "aio" else drivers.BLOCKING


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Driver:
    """Return the driver that the test runs with: psycopg, or those that its mark names, one after the other."""
    chosen = drivers_at(request.node)[getattr(request, "param", "psycopg")]
    chosen.skip_if_missing()
    return chosen


@pytest.fixture
def cluster(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    """Return the session's cluster for the driver in good order, of which this process knows nothing yet.

    A writer that hangs is soon found out.
    """
    release_resources()
    healthy: LocalCluster = request.getfixturevalue(f"healthy_aurora_{driver.engine.name}")
    healthy.set_delays(hang_detection=0.5)
    return healthy


@pytest.fixture(scope="session")
def second_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return the session's second PostgreSQL cluster, of two instances, as the tests before left it."""
    return local_cluster_factory(name="second", instances=2)


@pytest.fixture(scope="session")
def second_mysql(aurora_mysql: LocalCluster, local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return the session's second MySQL cluster, where there can be a first one."""
    mysql_bin = aurora_mysql.settings.mysql_bin
    return local_cluster_factory(engine="mysql", mysql_bin=mysql_bin, name="second-mysql", instances=2)


@pytest.fixture
def second_cluster(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    """Return the second cluster for the driver in good order."""
    second: LocalCluster = request.getfixturevalue(f"second_{driver.engine.name}")
    second.restore()
    second.set_delays(hang_detection=0.5)
    return second


@pytest.fixture(scope="session")
def iam_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return the session's PostgreSQL cluster of two instances that check IAM tokens, as the tests before left it."""
    return local_cluster_factory(name="signing-in", instances=2, iam=True)


@pytest.fixture(scope="session")
def iam_mysql(aurora_mysql: LocalCluster, local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return the session's MySQL cluster of that kind, where there can be one."""
    mysql_bin = aurora_mysql.settings.mysql_bin
    return local_cluster_factory(engine="mysql", mysql_bin=mysql_bin, name="signing-in-mysql", instances=2, iam=True)


@pytest.fixture
def iam_cluster(
    request: pytest.FixtureRequest, driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LocalCluster:
    """Return the cluster for the driver that checks IAM tokens, in good order, whose AWS this process finds."""
    cluster: LocalCluster = request.getfixturevalue(f"iam_{driver.engine.name}")
    cluster.restore()
    cluster.set_delays(hang_detection=0.5)
    own = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    for name, value in {**cluster.aws.environment(), **own}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    keep_secret(cluster.password, cluster.aws.secret_access_key, cluster.idp.parameters("adfs")["idp_password"])
    cluster.aws.reset_calls()
    release_resources()
    return cluster


@pytest.fixture
def connect(driver: Driver) -> Iterator[Callable[..., AwsWrapperConnection]]:
    """Return a function that connects to a cluster through the driver; the connections are closed after the test.

    The arguments: the cluster, the host (the writer endpoint unless given), parameters of the driver's.
    """
    with ExitStack() as connections:

        def connect_to(cluster: LocalCluster, host: str | None = None, **arguments: Any) -> AwsWrapperConnection:
            parameters = {"autocommit": True, **driver.arguments, **arguments}
            connection = AwsWrapperConnection.connect(driver.connect, cluster.conninfo(host), **parameters)
            return connections.enter_context(closing(connection))

        yield connect_to
    release_resources()


@pytest.fixture
def play_scenes() -> Play:
    """Return the function that plays scenes all at once."""
    return playing.play_in_threads


MATRIX: dict[str, dict[str, dict[str, str]]] = {}


@pytest.fixture
def record_matrix(request: pytest.FixtureRequest, driver: Driver) -> Callable[[str, str, str], None]:
    """Return a function that enters an outcome, by method and fault, into a table printed at the end of the run."""
    flavour = "asyncio" if request.path.parent.name == "aio" else "blocking"
    table = MATRIX.setdefault(f"methods of {driver.name}, {flavour}, by faults", {})

    def enter(method: str, fault: str, outcome: str) -> None:
        table.setdefault(method, {})[fault] = outcome

    return enter


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, methods in MATRIX.items():
        faults = list(dict.fromkeys(fault for outcomes in methods.values() for fault in outcomes))
        terminalreporter.section(title)
        terminalreporter.write_line(" " * 44 + "".join(f"{fault:>27}" for fault in faults))
        for method, outcomes in methods.items():
            cells = "".join(f"{outcomes.get(fault, '-')[:26]:>27}" for fault in faults)
            terminalreporter.write_line(f"{method:44}{cells}")
