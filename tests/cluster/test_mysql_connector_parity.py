"""What a program sees of MySQL Connector/Python, it sees through this driver: the same scenarios, compared."""

from __future__ import annotations

import warnings
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, release_resources
from cluster.support import administrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

pytestmark = pytest.mark.drivers("mysql")

DIFFERENT_WITH_FAILOVER = ("being_connected_again",)

TWICE = "CREATE PROCEDURE twice(IN a INT, OUT b INT) BEGIN SELECT a; SELECT a + 1 AS x, 2; SET b = a * 2; END"


def scenarios() -> Iterator[Any]:
    for subject in ("connections", "cursors"):
        module = import_module(f"cluster.mysql_parity.{subject}")
        for name, function in vars(module).items():
            own = getattr(function, "__module__", None) == module.__name__
            if own and not isinstance(function, type):
                yield pytest.param(function, id=f"{subject}-{name}")


@pytest.fixture(scope="module")
def one_server(aurora_mysql: LocalCluster) -> Iterator[LocalCluster]:
    aurora_mysql.restore()
    administrate(aurora_mysql, "DROP PROCEDURE IF EXISTS twice", TWICE)
    yield aurora_mysql
    release_resources()


def empty_table(cluster: LocalCluster) -> None:
    columns = "id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20)"
    administrate(cluster, "DROP TABLE IF EXISTS scenario", f"CREATE TABLE scenario ({columns})")


@pytest.mark.parametrize("plugins", ["", None], ids=["no plugins", "default plugins"])
@pytest.mark.parametrize("scenario", list(scenarios()))
def test_a_program_sees_the_same(
    one_server: LocalCluster, driver: Driver, scenario: Callable[[Any], Any], plugins: str | None
) -> None:
    if plugins is None and scenario.__name__ in DIFFERENT_WITH_FAILOVER:
        pytest.skip("a program is told of a failover instead of the loss")
    arguments = {**one_server.parameters(), **driver.arguments}

    def ours() -> AwsWrapperConnection:
        return AwsWrapperConnection.connect(driver.connect, plugins=plugins, **arguments)

    assert observed(one_server, ours, scenario) == observed(one_server, lambda: driver.connect(**arguments), scenario)


def observed(cluster: LocalCluster, connect: Callable[[], Any], scenario: Callable[[Any], Any]) -> Any:
    empty_table(cluster)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer versions warn of what the older ones need
        with closing(connect()) as connection:
            return scenario(connection)
