"""What the local cluster acts as: a Multi-AZ DB cluster, an RDS instance, the engine as it is."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError
from cluster.local.plainly import connected, each_engine, rows, servers, writes
from cluster.support import execute, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.instance import Instance
    from cluster.drivers import Driver

TOPOLOGY = {
    "postgresql": "SELECT id, endpoint, port FROM rds_tools.show_topology('tests')",
    "mysql": "SELECT id, endpoint, port FROM mysql.rds_topology",
}
OWN_ID = {"postgresql": "SELECT rds_tools.dbi_resource_id()", "mysql": "SELECT @@server_id"}
AURORA = {"postgresql": "SELECT aurora_db_instance_identifier()", "mysql": "SELECT @@aurora_server_id"}
SOURCE_ID = "SELECT rds_tools.multi_az_db_cluster_source_dbi_resource_id()"
EXTENSIONS = "SELECT setting FROM pg_settings WHERE name = 'rds.extensions'"
pytestmark = each_engine


@pytest.fixture(scope="module")
def multi_az_postgresql() -> Iterator[LocalCluster]:
    with LocalCluster(name="maz", deployment="multi-az") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def multi_az_mysql() -> Iterator[LocalCluster]:
    with LocalCluster(name="maz-mysql", deployment="multi-az", **servers("mysql")) as cluster:
        yield cluster


@pytest.fixture
def multi_az(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    cluster: LocalCluster = request.getfixturevalue(f"multi_az_{driver.engine.name}")
    cluster.restore()
    return cluster


@pytest.fixture
def rds(driver: Driver) -> Iterator[LocalCluster]:
    with LocalCluster(name="alone", deployment="rds", **servers(driver.engine.name)) as cluster:
        yield cluster


def source_of(driver: Driver, cluster: LocalCluster, instance: Instance) -> object:
    """Return the id of the writer as an instance tells it: on MySQL only the others do."""
    if driver.engine.name == "postgresql":
        return rows(driver, cluster, SOURCE_ID, instance.host)[0][0]
    with connected(driver, cluster, instance.host) as connection:
        cursor = execute(connection, "SHOW REPLICA STATUS")
        columns = [column[0] for column in cursor.description]
        found = [dict(zip(columns, row, strict=True))["Source_Server_Id"] for row in cursor.fetchall()]
        return found[0] if found else value(connection, OWN_ID["mysql"])


def test_each_instance_of_a_multi_az_cluster_shows_the_same_topology(multi_az: LocalCluster, driver: Driver) -> None:
    engine = driver.engine.name
    expected = {(instance.host, multi_az.port) for instance in multi_az.instances}
    ids = {i.host: rows(driver, multi_az, OWN_ID[engine], i.host)[0][0] for i in multi_az.instances}
    for instance in multi_az.instances:
        found = rows(driver, multi_az, TOPOLOGY[engine], instance.host)
        assert {(endpoint, port) for _, endpoint, port in found} == expected
        assert {endpoint: own_id for own_id, endpoint, _ in found} == ids
        assert source_of(driver, multi_az, instance) == ids[multi_az.writer.host]


def test_a_multi_az_cluster_is_not_taken_for_aurora(multi_az: LocalCluster, driver: Driver) -> None:
    with pytest.raises(driver.module.Error):
        rows(driver, multi_az, AURORA[driver.engine.name])


@pytest.mark.drivers("psycopg")
def test_the_extensions_of_a_multi_az_cluster_are_those_of_rds(multi_az: LocalCluster, driver: Driver) -> None:
    ((extensions,),) = rows(driver, multi_az, EXTENSIONS)
    assert "rds_tools" in extensions
    assert "aurora" not in extensions


@pytest.mark.drivers("mysql-c")
def test_a_multi_az_instance_of_mysql_says_that_it_is_of_rds(multi_az: LocalCluster, driver: Driver) -> None:
    reader = multi_az.readers[0]
    ask = "SHOW VARIABLES WHERE Variable_name IN ('version_comment', 'report_host', 'aurora_version')"
    assert rows(driver, multi_az, ask, reader.host) == [
        ("report_host", reader.host),
        ("version_comment", "Source distribution"),
    ]


def test_who_is_not_granted_the_topology_does_not_see_it(multi_az: LocalCluster, driver: Driver) -> None:
    user = {"postgresql": "ROLE nobody_here LOGIN PASSWORD 'p'", "mysql": "USER nobody_here IDENTIFIED BY 'p'"}
    with closing(multi_az.connect_directly(multi_az.writer)) as direct:
        execute(direct, f"CREATE {user[driver.engine.name]}")
        if driver.engine.name == "mysql":
            execute(direct, f"GRANT CREATE ON {multi_az.database}.* TO nobody_here")
    with pytest.raises(driver.module.Error, match="denied"):
        rows(driver, multi_az, TOPOLOGY[driver.engine.name], user="nobody_here", password="p")


@pytest.mark.parametrize("named", [True, False], ids=["to a reader that is named", "to any reader"])
def test_a_switchover_cuts_the_old_writers_connections_only(
    multi_az: LocalCluster, driver: Driver, named: bool
) -> None:
    old, *readers = [multi_az.writer, *multi_az.readers]
    with ExitStack() as connections:
        standing = {i.name: connections.enter_context(connected(driver, multi_az, i.host)) for i in multi_az.instances}
        result = multi_az.switchover(readers[1] if named else None, wait="all")
        assert (result.kind, result.old_writer, result.new_writer) == ("switchover", old.name, multi_az.writer.name)
        assert result.new_writer == readers[1].name or not named
        assert_promoted(driver, multi_az, old, multi_az.writer)
        with pytest.raises(driver.module.Error):
            value(standing.pop(old.name), "SELECT 1")
        for connection in standing.values():
            value(connection, "SELECT 1")


def assert_promoted(driver: Driver, cluster: LocalCluster, old: Instance, new: Instance) -> None:
    assert [instance.state for instance in cluster.instances] == ["running"] * 3
    assert writes(driver, cluster, new.host)
    assert not writes(driver, cluster, old.host)


def test_the_old_writer_of_a_switchover_comes_back_with_its_data(multi_az: LocalCluster, driver: Driver) -> None:
    with connected(driver, multi_az) as connection:
        execute(connection, "DROP TABLE IF EXISTS switched")
        execute(connection, "CREATE TABLE switched (n int)")
        execute(connection, "INSERT INTO switched VALUES (1)")
    old = multi_az.writer
    multi_az.switchover(wait="all")
    with connected(driver, multi_az, multi_az.writer.host) as connection:
        execute(connection, "INSERT INTO switched VALUES (2)")
    assert not [event for event in multi_az.history() if event.what == "could not be rebuilt"]
    multi_az.switchover(old)
    assert rows(driver, multi_az, "SELECT n FROM switched ORDER BY n", old.host) == [(1,), (2,)]


def test_in_a_failover_of_a_multi_az_cluster_readers_go_on(multi_az: LocalCluster, driver: Driver) -> None:
    old = multi_az.writer
    with connected(driver, multi_az, multi_az.readers[0].host) as connection:
        multi_az.failover(wait="all")
        value(connection, "SELECT 1")
    assert_promoted(driver, multi_az, old, multi_az.writer)


def test_a_switchover_needs_a_writer_and_a_reader(multi_az: LocalCluster) -> None:
    with pytest.raises(LocalClusterError, match="is the writer already"):
        multi_az.switchover(multi_az.writer)
    multi_az.pause(multi_az.writer)
    with pytest.raises(LocalClusterError, match="is paused: fail over instead"):
        multi_az.switchover()


@pytest.mark.parametrize("what", ["add_reader", "custom_endpoint", "remove_reader"])
def test_a_multi_az_cluster_has_one_size(multi_az: LocalCluster, what: str) -> None:
    change: dict[str, Callable[[], object]] = {
        "add_reader": multi_az.add_reader,
        "custom_endpoint": lambda: multi_az.custom_endpoint("few", []),
        "remove_reader": lambda: multi_az.remove_reader(multi_az.readers[0]),
    }
    with pytest.raises(LocalClusterError, match="'multi-az' has"):
        change[what]()


def test_an_alias_tells_its_canonical_name_to_every_program(multi_az: LocalCluster, driver: Driver) -> None:
    name = multi_az.alias("database.example.com")
    asking = f"""
import socket
found = socket.getaddrinfo({name!r}, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
print(found[0][3], found[0][4][0])
found = socket.getaddrinfo({name!r}, None, type=socket.SOCK_STREAM)
print(repr(found[0][3]))
"""
    expected = [multi_az.writer_endpoint, multi_az.writer.address, "''"]
    shown = subprocess.run(
        [sys.executable, "-c", asking], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert shown.split() == expected
    here = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    assert here[0][3] == multi_az.writer_endpoint
    assert rows(driver, multi_az, "SELECT 1", name) == [(1,)]
    multi_az.restore()
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(name, None)


def test_an_rds_instance_stands_alone(rds: LocalCluster, driver: Driver) -> None:
    assert [instance.host for instance in rds.instances] == [rds.writer_endpoint]
    assert rds.writer_endpoint.startswith("alone.")
    assert writes(driver, rds)
    if driver.engine.name == "postgresql":
        ((extensions,),) = rows(driver, rds, EXTENSIONS)
        assert "rds_tools" in extensions
        assert rows(driver, rds, SOURCE_ID) == [(None,)]
    else:
        assert rows(driver, rds, "SELECT @@version_comment, @@report_host") == [
            ("Source distribution", rds.writer_endpoint)
        ]


def test_a_plain_server_has_nothing_of_rds(driver: Driver) -> None:
    settings = servers(driver.engine.name)
    with LocalCluster(name="bare", deployment="plain", instances=1, **settings) as cluster:
        for query in (TOPOLOGY, AURORA):
            with pytest.raises(driver.module.Error):
                rows(driver, cluster, query[driver.engine.name])
        if driver.engine.name == "postgresql":
            assert rows(driver, cluster, EXTENSIONS) == []
        else:
            assert rows(driver, cluster, "SELECT @@report_host") in ([("",)], [(None,)])
