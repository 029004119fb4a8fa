"""What the local cluster acts as: a Multi-AZ DB cluster, an RDS instance, plain PostgreSQL."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.instance import Instance

TOPOLOGY = "SELECT id, endpoint, port FROM rds_tools.show_topology('tests')"
OWN_ID = "SELECT rds_tools.dbi_resource_id()"
SOURCE_ID = "SELECT rds_tools.multi_az_db_cluster_source_dbi_resource_id()"
EXTENSIONS = "SELECT setting FROM pg_settings WHERE name = 'rds.extensions'"


def rows(cluster: LocalCluster, sql: str, host: str | None = None, **parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(cluster.conninfo(host, **parameters), autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


@pytest.fixture(scope="module")
def shared_multi_az() -> Iterator[LocalCluster]:
    with LocalCluster(name="maz", deployment="multi-az") as cluster:
        yield cluster


@pytest.fixture
def multi_az(shared_multi_az: LocalCluster) -> LocalCluster:
    shared_multi_az.restore()
    return shared_multi_az


@pytest.fixture(scope="module")
def rds() -> Iterator[LocalCluster]:
    with LocalCluster(name="alone", deployment="rds") as cluster:
        yield cluster


def test_each_instance_of_a_multi_az_cluster_shows_the_same_topology(multi_az: LocalCluster) -> None:
    expected = {(instance.host, multi_az.port) for instance in multi_az.instances}
    ids = {instance.host: rows(multi_az, OWN_ID, instance.host)[0][0] for instance in multi_az.instances}
    for instance in multi_az.instances:
        found = rows(multi_az, TOPOLOGY, instance.host)
        assert {(endpoint, port) for _, endpoint, port in found} == expected
        assert {endpoint: own_id for own_id, endpoint, _ in found} == ids
        assert rows(multi_az, SOURCE_ID, instance.host) == [(ids[multi_az.writer.host],)]


def test_a_multi_az_cluster_is_not_taken_for_aurora(multi_az: LocalCluster) -> None:
    ((extensions,),) = rows(multi_az, EXTENSIONS)
    assert "rds_tools" in extensions
    assert "aurora" not in extensions
    with pytest.raises(psycopg.errors.UndefinedFunction):
        rows(multi_az, "SELECT aurora_db_instance_identifier()")


def test_who_is_not_granted_the_schema_sees_no_topology(multi_az: LocalCluster) -> None:
    with multi_az.connect_directly(multi_az.writer) as direct:
        direct.execute("CREATE ROLE nobody_in_particular LOGIN PASSWORD 'p'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(multi_az, TOPOLOGY, user="nobody_in_particular", password="p")


@pytest.mark.parametrize("named", [True, False], ids=["to a reader that is named", "to any reader"])
def test_a_switchover_cuts_the_old_writers_connections_only(multi_az: LocalCluster, named: bool) -> None:
    old, *readers = [multi_az.writer, *multi_az.readers]
    standing = {i.name: psycopg.connect(multi_az.conninfo(i.host), autocommit=True) for i in multi_az.instances}
    result = multi_az.switchover(readers[1] if named else None, wait="all")
    assert (result.kind, result.old_writer, result.new_writer) == ("switchover", old.name, multi_az.writer.name)
    assert result.new_writer == readers[1].name or not named
    assert_promoted(multi_az, old, multi_az.writer)
    for name, connection in standing.items():
        if name == old.name:
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        else:
            connection.execute("SELECT 1")
        connection.close()


def assert_promoted(cluster: LocalCluster, old: Instance, new: Instance) -> None:
    assert [instance.state for instance in cluster.instances] == ["running"] * 3
    assert rows(cluster, "SELECT pg_is_in_recovery()", new.host) == [(False,)]
    assert rows(cluster, "SELECT pg_is_in_recovery()", old.host) == [(True,)]


def test_the_old_writer_of_a_switchover_comes_back_with_its_data(multi_az: LocalCluster) -> None:
    rows_of = "SELECT array_agg(n ORDER BY n) FROM switched"
    with psycopg.connect(multi_az.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS switched (n int)")
        connection.execute("TRUNCATE switched")
        connection.execute("INSERT INTO switched VALUES (1)")
    old = multi_az.writer
    multi_az.switchover(wait="all")
    rows(multi_az, "INSERT INTO switched VALUES (2) RETURNING n", multi_az.writer.host)
    assert not [event for event in multi_az.history() if event.what == "could not be rebuilt"]
    multi_az.switchover(old)
    assert rows(multi_az, rows_of, old.host) == [([1, 2],)]


def test_in_a_failover_of_a_multi_az_cluster_readers_go_on(multi_az: LocalCluster) -> None:
    old = multi_az.writer
    with psycopg.connect(multi_az.conninfo(multi_az.readers[0].host), autocommit=True) as connection:
        multi_az.failover(wait="all")
        connection.execute("SELECT 1")
    assert_promoted(multi_az, old, multi_az.writer)


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


def test_an_alias_tells_its_canonical_name_to_every_program(multi_az: LocalCluster) -> None:
    name = multi_az.alias("database.example.com")
    asking = f"""
import socket
found = socket.getaddrinfo({name!r}, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
print(found[0][3], found[0][4][0])
found = socket.getaddrinfo({name!r}, None, type=socket.SOCK_STREAM)
print(repr(found[0][3]))
"""
    expected = [multi_az.writer_endpoint, multi_az.writer.address, "''"]
    shown = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True).stdout
    assert shown.split() == expected
    here = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    assert here[0][3] == multi_az.writer_endpoint
    assert rows(multi_az, "SELECT 1", name) == [(1,)]
    multi_az.restore()
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(name, None)


def test_an_rds_instance_stands_alone(rds: LocalCluster) -> None:
    assert [instance.host for instance in rds.instances] == [rds.writer_endpoint]
    assert rds.writer_endpoint.startswith("alone.")
    ((extensions,),) = rows(rds, EXTENSIONS)
    assert "rds_tools" in extensions
    assert rows(rds, SOURCE_ID) == [(None,)]


def test_plain_postgresql_has_nothing_of_rds() -> None:
    with LocalCluster(name="bare", deployment="plain", instances=1) as cluster:
        assert rows(cluster, EXTENSIONS) == []
        assert rows(cluster, "SELECT count(*) FROM pg_namespace WHERE nspname = 'rds_tools'") == [(0,)]
