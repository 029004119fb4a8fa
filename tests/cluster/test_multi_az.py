"""RDS Multi-AZ DB clusters: found from any endpoint, and hardly interrupted by a switchover."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError, release_resources
from aws_advanced_python_wrapper.local import LocalCluster
from cluster.drivers import both_engines
from cluster.engines import POSTGRESQL
from cluster.local.plainly import servers
from cluster.support import (
    Background,
    administrate,
    at_server,
    engine_of,
    execute,
    fresh_table,
    is_in_transaction,
    is_reader,
    login_role,
    process_of,
    true_writer,
    value,
)
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local.values import Failover
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = both_engines

INSTANCE = {
    "postgresql": "SELECT current_setting('aws_driver_local.instance_id')",
    "mysql": "SELECT SUBSTRING_INDEX(@@report_host, '.', 1)",
}
ENDPOINTS = ["writer", "reader", "instance", "address", "custom domain"]


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
    """Return a Multi-AZ DB cluster in good order, of which this process knows nothing yet."""
    release_resources()
    shared_multi_az: LocalCluster = request.getfixturevalue(f"multi_az_{driver.engine.name}")
    shared_multi_az.restore()
    shared_multi_az.set_delays(hang_detection=0.5)
    return shared_multi_az


def host(cluster: LocalCluster, endpoint: str) -> str:
    return {
        "writer": cluster.writer_endpoint,
        "reader": cluster.reader_endpoint,
        "instance": cluster.readers[0].host,
        "address": cluster.writer.address,
        "custom domain": cluster.alias(f"{cluster.settings.name}.example.com"),
    }[endpoint]


def instance_of(connection: Any) -> Any:
    return value(connection, INSTANCE[engine_of(connection).name])


def assert_on_the_writer(cluster: LocalCluster, connection: Any) -> None:
    assert instance_of(connection) == true_writer(cluster)
    assert not is_reader(connection)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_cluster_is_found_from_any_endpoint(
    multi_az: LocalCluster, connect: Connect, driver: Driver, endpoint: str
) -> None:
    connection = connect(multi_az, host(multi_az, endpoint), autocommit=False)
    assert not is_in_transaction(connection)
    known: Any = connection._session.cluster
    assert known.dialect.code in {"multi-az-pg", "multi-az-mysql"}
    assert {member.host for member in known.store.current.hosts} == {member.host for member in multi_az.instances}
    if driver.engine is not POSTGRESQL:  # whose table of members does not say who writes: each is asked
        eventually(lambda: known.store.current.writer)
    assert known.store.current.writer.host == multi_az.writer.host
    assert instance_of(connection) == connection._session.host.host_id


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("kind", ["crash", "hang", "switchover"])
def test_a_connection_to_any_endpoint_survives_the_loss_of_its_host(
    multi_az: LocalCluster, connect: Connect, endpoint: str, kind: Any
) -> None:
    connection = connect(multi_az, host(multi_az, endpoint), failure_detection_time_ms=300)
    on_writer = instance_of(connection) == multi_az.writer.name
    multi_az.switchover() if kind == "switchover" else multi_az.failover(kind=kind)
    if on_writer:
        with pytest.raises(FailoverSuccessError):
            execute(connection, "SELECT 1")
        assert_on_the_writer(multi_az, connection)
    else:  # the standbys go on
        assert value(connection, "SELECT 1") == 1


def test_all_endpoints_lead_to_one_topology(multi_az: LocalCluster, connect: Connect) -> None:
    connections = [connect(multi_az, host(multi_az, endpoint)) for endpoint in ENDPOINTS]
    assert len({id(connection._session.cluster) for connection in connections}) == 1


def test_while_the_tables_are_old_the_writer_is_found(multi_az: LocalCluster, connect: Connect) -> None:
    multi_az.set_delays(topology_delay=30.0)
    connection = connect(multi_az)
    for _ in range(2):
        multi_az.failover(wait="all")
        with pytest.raises(FailoverSuccessError):
            execute(connection, "SELECT 1")
        assert_on_the_writer(multi_az, connection)


def write_until(connection: AwsWrapperConnection, table: str, done: threading.Event) -> tuple[set[int], list[float]]:
    """Write numbers; return those that were acknowledged, and the monotonic times at which they were."""
    acknowledged: set[int] = set()
    times: list[float] = []
    number = 0
    while not done.is_set():
        number += 1
        try:
            execute(connection, f"INSERT INTO {table} VALUES (%s)", number)
        except FailoverSuccessError:
            continue
        acknowledged.add(number)
        times.append(time.monotonic())
    return acknowledged, times


def test_a_switchover_interrupts_a_program_that_writes_for_a_moment(
    multi_az: LocalCluster, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    connection, table = connect(multi_az), fresh_table(multi_az, "switched_over")
    gaps = []
    for _ in range(3):
        administrate(multi_az, f"TRUNCATE {table}")
        acknowledged, times, result = switched_over_while_writing(multi_az, connection, table)
        assert acknowledged <= numbers_in(multi_az, result.new_writer, table)
        assert times[0] < result.began
        assert times[-1] > result.writer_accepts
        gaps.append(max(after - before for before, after in pairwise(times)))
    with capsys.disabled():
        print(" longest interruption of the writes: " + ", ".join(f"{gap:.3f} s" for gap in gaps), end="")  # noqa: T201


def numbers_in(cluster: LocalCluster, instance: str, table: str) -> set[int]:
    with closing(cluster.connect_directly(instance)) as direct:
        return {number for (number,) in execute(direct, f"SELECT id FROM {table}").fetchall()}


def switched_over_while_writing(
    cluster: LocalCluster, connection: AwsWrapperConnection, table: str
) -> tuple[set[int], list[float], Failover]:
    done, count = threading.Event(), f"SELECT count(*) FROM {table}"
    writing = Background(write_until, connection, table, done)
    eventually(lambda: at_server(cluster, cluster.writer.name, count))
    result = cluster.switchover()
    before = at_server(cluster, result.new_writer, count)
    eventually(lambda: at_server(cluster, result.new_writer, count) > before)
    done.set()
    acknowledged, times = writing.result()
    cluster.wait_settled()
    return acknowledged, times, result


def test_readers_connections_are_not_touched_by_a_switchover(multi_az: LocalCluster, connect: Connect) -> None:
    reader = next(instance for instance in multi_az.readers if instance != multi_az.readers[0])
    connection = connect(multi_az, reader.host)
    before = process_of(connection)
    multi_az.switchover(multi_az.readers[0], wait="all")
    assert process_of(connection) == before


def test_a_program_moves_between_the_writer_and_the_standbys(multi_az: LocalCluster, connect: Connect) -> None:
    connection = connect(multi_az, plugins="read_write_splitting,failover")
    connection.read_only = True
    assert is_reader(connection)
    connection.read_only = False
    assert_on_the_writer(multi_az, connection)
    multi_az.switchover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert_on_the_writer(multi_az, connection)
    connection.read_only = True
    assert is_reader(connection)


@pytest.mark.drivers("postgresql")
def test_a_search_path_cannot_mislead_the_driver(multi_az: LocalCluster, connect: Connect) -> None:
    administrate(
        multi_az,
        "DROP SCHEMA IF EXISTS evil CASCADE",
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS $$ SELECT NOT pg_catalog.pg_is_in_recovery() $$",  # noqa: E501
        "CREATE FUNCTION evil.split_part(text, text, integer) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$",
        "CREATE FUNCTION evil.differ(text, text) RETURNS bool LANGUAGE sql AS $$ SELECT false $$",
        "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.differ)",
        "GRANT USAGE ON SCHEMA evil TO PUBLIC",
    )
    connection = connect(multi_az, options="-c search_path=evil,pg_catalog")
    assert value(connection, "SELECT 'a'::text = 'a'::text") is False
    assert connection._session.host.host == multi_az.writer.host
    multi_az.switchover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert connection._session.host.host == multi_az.writer.host


# Users


def test_a_user_who_is_not_granted_the_topology_connects_without_failover(
    multi_az: LocalCluster, connect: Connect, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    on_postgresql = driver.engine is POSTGRESQL
    with login_role(multi_az, "not_granted", "secret"), caplog.at_level(logging.WARNING):
        connection, another = [connect(multi_az, user="not_granted", password="secret") for _ in range(2)]
        assert (connection._session.cluster, another._session.cluster) == (None, None)
        user = "current_user::text" if on_postgresql else "SUBSTRING_INDEX(USER(), '@', 1)"
        assert value(connection, f"SELECT {user}") == "not_granted"
        assert [record.levelname for record in caplog.records] == ["WARNING"], "it is said once"
        assert ("grant USAGE" if on_postgresql else "GRANT SELECT ON mysql.rds_topology") in caplog.text
        granted = connect(multi_az)
        assert granted._session.cluster is not None
        multi_az.switchover()
        with pytest.raises(driver.module.Error) as caught:
            execute(connection, "SELECT 1")
        assert not type(caught.value).__module__.startswith("aws_advanced_python_wrapper")
        with pytest.raises(FailoverSuccessError):
            execute(granted, "SELECT 1")
        assert_on_the_writer(multi_az, granted)


@pytest.mark.drivers("postgresql")
def test_being_turned_away_by_a_server_that_restarts_is_no_refusal(multi_az: LocalCluster, connect: Connect) -> None:
    with login_role(multi_az, "turned_away", "secret"):
        administrate(multi_az, "GRANT USAGE ON SCHEMA rds_tools TO turned_away")
        connection, of_another = connect(multi_az, user="turned_away", password="secret"), connect(multi_az)
        administrate(multi_az, "ALTER ROLE turned_away NOLOGIN")
        multi_az.switchover()
        calling = Background(execute, connection, "SELECT 1")
        monitor = connection._session.cluster.monitor  # type: ignore[union-attr]
        eventually(lambda: "not permitted to log in" in str(monitor.reasons))
        with pytest.raises(FailoverSuccessError):
            execute(of_another, "SELECT 1")
        assert_on_the_writer(multi_az, of_another)
        administrate(multi_az, "ALTER ROLE turned_away LOGIN")
        with pytest.raises(FailoverSuccessError):
            calling.result()
        assert_on_the_writer(multi_az, connection)
        administrate(multi_az, "REVOKE USAGE ON SCHEMA rds_tools FROM turned_away")


GRANTS = {
    "postgresql": ("GRANT USAGE ON SCHEMA rds_tools TO", "REVOKE USAGE ON SCHEMA rds_tools FROM"),
    "mysql": ("GRANT SELECT ON mysql.rds_topology TO", "REVOKE SELECT ON mysql.rds_topology FROM"),
}
CHANGE_PASSWORD = {"postgresql": "ALTER ROLE changed PASSWORD", "mysql": "ALTER USER changed IDENTIFIED BY"}


def test_a_password_that_was_changed_is_said_at_once(multi_az: LocalCluster, connect: Connect, driver: Driver) -> None:
    grant, revoke = GRANTS[driver.engine.name]
    with login_role(multi_az, "changed", "secret"):
        administrate(multi_az, f"{grant} changed")
        keeper, connection = connect(multi_az), connect(multi_az, user="changed", password="secret")
        administrate(multi_az, f"{CHANGE_PASSWORD[driver.engine.name]} 'another'")
        multi_az.switchover()
        with pytest.raises(driver.module.Error, match=r"password authentication failed|Access denied"):
            execute(connection, "SELECT 1")
        with pytest.raises(FailoverSuccessError):
            execute(keeper, "SELECT 1")
        administrate(multi_az, f"{revoke} changed")
