"""What a program sees of a MySQL driver, it sees through this one: the same scenarios on both sides, compared."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from mysql.connector.version import VERSION

from aws_advanced_python_wrapper import release_resources
from cluster.drivers import ASYNCIO, BLOCKING, Driver
from cluster.engines import MYSQL
from cluster.parity.mysql_sides import MysqlSide, Scenario, scenarios_of
from cluster.parity.noting import SIDES, WELL
from cluster.support import administrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster

# A program is told of a failover instead of the loss.
DIFFERENT_WITH_FAILOVER = ("a_session_the_server_ends", "connected_again_after_its_end")

# Up to 8.4 the asyncio flavour fails as it closes or changes the user, and reads no option files. With ours it does.
CANNOT_YET = {
    *("another_user", "being_connected_again", "connected_again_after_its_end", "after_its_end", "in_a_block"),
    *("ended_in_its_other_words", "a_block_closed_inside", "option_files"),
    *("it_is_freed_at_once", "a_session_the_server_ends"),
}

CONNECTOR = ("mysql_connections", "mysql_cursors", "mysql_errors")

SUBJECTS = {
    **dict.fromkeys(("mysql-c", "mysql-pure"), (*CONNECTOR, "mysql_blocking")),
    "mysql-aio": CONNECTOR,
    "aiomysql": ("aiomysql_connections", "aiomysql_cursors"),
}

AT_SERVER = (
    "SET GLOBAL local_infile = ON",
    "DROP PROCEDURE IF EXISTS parity_twice",
    "CREATE PROCEDURE parity_twice(IN a INT, OUT b INT) BEGIN SELECT a; SELECT a + 1 AS x, 2; SET b = a * 2; END",
    "CREATE TABLE IF NOT EXISTS parity_of_all (id INT)",
)


def plays() -> Iterator[Any]:
    """Yield each driver with each scenario that is for it."""
    for driver in (*BLOCKING.values(), *ASYNCIO.values()):
        for subject in SUBJECTS.get(driver.name, ()):
            for scenario in scenarios_of(import_module(f"cluster.parity.{subject}")):
                yield pytest.param(driver, scenario, id=f"{driver.name}-{subject}-{scenario.__name__}")


@pytest.fixture(scope="module")
def server(aurora_mysql: LocalCluster) -> Iterator[dict[str, Any]]:
    """Return the connection arguments for a writer that has what the scenarios need."""
    aurora_mysql.restore()
    administrate(aurora_mysql, *AT_SERVER)
    yield aurora_mysql.parameters(aurora_mysql.writer.host)
    release_resources()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of aiomysql's `__del__`
@pytest.mark.parametrize(("driver", "scenario"), list(plays()))
def test_a_program_sees_the_same(server: dict[str, Any], driver: Driver, scenario: Scenario) -> None:
    driver.skip_if_missing()
    if driver.name == "mysql-aio" and VERSION < (9,) and scenario.__name__ in CANNOT_YET:
        pytest.skip("this version's own asyncio flavour fails where it does not fail with this driver")
    names = [name for name in SIDES if name != "default plugins" or scenario.__name__ not in DIFFERENT_WITH_FAILOVER]
    bare, *ours = (observed(name, driver, server, scenario) for name in names)
    for notes in ours:
        assert notes == bare
    if lacks_a_thing(bare[-1]):
        pytest.skip(f"up to here all is the same, but this version cannot go on: {bare[-1]}")
    assert bare[-1] == (WELL,)
    assert len(bare) > 1, "the scenario noted nothing"


def lacks_a_thing(note: tuple[Any, ...]) -> bool:
    """Tell whether a scenario has ended as the driver has no such thing: MySQL Connector/Python up to 8.4."""
    return note != (WELL,) and note[1][0] is AttributeError and VERSION < (9,)


def observed(name: str, driver: Driver, server: dict[str, Any], scenario: Scenario) -> list[Any]:
    asynchronous = driver in ASYNCIO.values() and driver.engine is MYSQL
    side = MysqlSide(name, driver, server, asynchronous=asynchronous)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # drivers warn of what they are about to drop
        return side.play(scenario)
