"""The connections of the monitor are its own: what shapes a program's session has no place in them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import FailoverError, FailoverFailedError, FailoverSuccessError
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.waiting import wait_topology
from aws_advanced_python_wrapper.deadline import Deadline
from cluster.drivers import both_engines
from cluster.engines import POSTGRESQL
from cluster.support import administrate, assert_on_true_writer, at_server, database, driver_threads, login_role, value
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect


def monitors(cluster: LocalCluster, instance: str, connection: AwsWrapperConnection, what: str) -> list[str]:
    """Return what the server knows of the sessions of the driver's that are not the program's."""
    query = f"""
        SELECT coalesce(array_agg({what}::text), '{{}}') FROM pg_stat_activity
        WHERE usename = '{connection.info.user}' AND pid <> {connection.info.backend_pid}"""
    found: list[str] = at_server(cluster, instance, query)
    return found


def test_options_are_not_inherited(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, topology_refresh_ms=50, options="-c application_name=of_the_program")
    assert value(connection, "SHOW application_name") == "of_the_program"
    names = eventually(lambda: monitors(cluster, cluster.writer.name, connection, "application_name"))
    assert "of_the_program" not in names


def test_a_search_path_cannot_mislead_the_driver(cluster: LocalCluster, connect: Connect) -> None:
    administrate(
        cluster,
        "DROP SCHEMA IF EXISTS evil CASCADE",
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.aurora_db_instance_identifier() RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$",
        "CREATE FUNCTION evil.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS $$ SELECT NOT pg_catalog.pg_is_in_recovery() $$",  # noqa: E501
        "CREATE FUNCTION evil.liked(text, text) RETURNS bool LANGUAGE sql AS $$ SELECT false $$",
        "CREATE OPERATOR evil.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.liked)",
        "GRANT USAGE ON SCHEMA evil TO PUBLIC",
    )
    connection = connect(cluster, options="-c search_path=evil,pg_catalog")
    assert value(connection, "SELECT aurora_db_instance_identifier()") == "evil"
    assert connection._session.host.host == cluster.writer.host
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert value(connection, "SELECT aurora_db_instance_identifier()") == "evil"
    assert value(connection, "SELECT pg_catalog.pg_is_in_recovery()") is False
    assert_on_true_writer(cluster, connect(cluster))


def hosts_that_answer(connection: AwsWrapperConnection) -> set[str]:
    """Have the monitor ask all hosts, and return those that have answered."""
    cluster: Any = connection._session.cluster
    since = time.monotonic()

    def all_of_them(topology: Any) -> Any:
        answered = topology.seen_since(since)
        return answered if len(answered) == len(topology.hosts) else None

    with cluster.monitor.search(since):
        answered = run(wait_topology(BlockingIo(), cluster.store, all_of_them, Deadline.after(20)))
    return {host.host for host in answered or ()}


@pytest.mark.parametrize("wanted", ["read-write", "primary", "any"])
def test_target_session_attrs_is_not_inherited(cluster: LocalCluster, connect: Connect, wanted: str) -> None:
    connection = connect(cluster, target_session_attrs=wanted)
    assert hosts_that_answer(connection) == {instance.host for instance in cluster.instances}
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


def test_a_program_that_wants_a_standby_fails_over_to_one(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(
        cluster, cluster.reader_endpoint, target_session_attrs="standby", failover_mode="strict_reader"
    )
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert value(connection, "SELECT pg_is_in_recovery()") is True


def test_parameters_of_the_monitors_own_have_their_effect(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, topology_refresh_ms=50, **{"topology-monitoring-application_name": "watchman"})
    eventually(lambda: "watchman" in monitors(cluster, cluster.writer.name, connection, "application_name"))
    assert value(connection, "SHOW application_name") != "watchman"


def test_psycopgs_own_arguments_are_not_inherited(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(
        cluster,
        row_factory=psycopg.rows.dict_row,
        cursor_factory=psycopg.ClientCursor,
        autocommit=False,
        prepare_threshold=None,
    )
    assert hosts_that_answer(connection) == {instance.host for instance in cluster.instances}


@pytest.mark.drivers("mysql")
def test_what_shapes_a_mysql_session_is_not_inherited(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    shaped: dict[str, dict[str, Any]] = {
        "mysql-c": {"sql_mode": "ANSI", "time_zone": "+14:00", "buffered": True, "raw": True},
        "mysql-pure": {"sql_mode": "ANSI", "time_zone": "+14:00", "buffered": True, "raw": True},
        "mysql-aio": {"sql_mode": "ANSI", "time_zone": "+14:00", "raw": True},
        "aiomysql": {"sql_mode": "ANSI", "init_command": "SET time_zone = '+14:00'"},
    }
    connection = connect(cluster, autocommit=False, **shaped[driver.name])
    assert hosts_that_answer(connection) == {instance.host for instance in cluster.instances}


# Several users of one cluster

PASSWORD = "another 'one'"


@pytest.fixture
def second_user(cluster: LocalCluster) -> Iterator[dict[str, Any]]:
    with login_role(cluster, "second_user", PASSWORD), database(cluster, "second_database") as name:
        if cluster.settings.engine != POSTGRESQL.name:
            administrate(cluster, f"GRANT ALL ON {name}.* TO second_user")
        yield {"user": "second_user", "password": PASSWORD, "database": name}


WHOM = {
    "postgresql": ("SELECT current_user::text", "SELECT current_database()::text"),
    "mysql": ("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)", "SELECT DATABASE()"),
}
LOCK = {"postgresql": "ALTER ROLE second_user NOLOGIN", "mysql": "ALTER USER second_user ACCOUNT LOCK"}
LOCKED = {"postgresql": "not permitted to log in", "mysql": "Account is locked"}
UNKNOWN = {"postgresql": 'database "short_lived" does not exist', "mysql": "Unknown database 'short_lived'"}


@both_engines
def test_each_user_keeps_name_and_database(
    cluster: LocalCluster, connect: Connect, driver: Driver, second_user: dict[str, Any]
) -> None:
    first, second = connect(cluster), connect(cluster, **second_user)
    assert first._session.cluster is second._session.cluster
    for _ in range(2):
        cluster.failover(wait="all")
        for connection, *expected in (
            (first, cluster.user, cluster.database),
            (second, "second_user", "second_database"),
        ):
            with pytest.raises(FailoverSuccessError):
                value(connection, "SELECT 1")
            assert [value(connection, query) for query in WHOM[driver.engine.name]] == expected
            assert_on_true_writer(cluster, connection)


@both_engines
def test_a_user_who_may_no_longer_log_in_is_no_hindrance_to_others(
    cluster: LocalCluster, connect: Connect, driver: Driver, second_user: dict[str, Any]
) -> None:
    first, second = connect(cluster, **second_user), connect(cluster)
    administrate(cluster, LOCK[driver.engine.name])
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        value(second, "SELECT 1")
    assert_on_true_writer(cluster, second)
    with pytest.raises(driver.module.OperationalError) as caught:
        value(first, "SELECT 1")
    assert LOCKED[driver.engine.name] in str(caught.value)
    assert isinstance(caught.value, FailoverError)


@both_engines
def test_users_whose_database_is_gone_are_no_hindrance_to_others(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    with database(cluster, "short_lived") as name:
        if driver.engine is not POSTGRESQL:
            administrate(cluster, f"GRANT ALL ON {name}.* TO {cluster.user}")
        cluster.wait_settled()
        lost = [connect(cluster, database=name) for _ in range(10)]  # whichever the monitor tries first
        connection = connect(cluster)
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)
    with pytest.raises(FailoverFailedError, match=UNKNOWN[driver.engine.name]):
        value(lost[0], "SELECT 1")


SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}'",
}


@both_engines
def test_the_monitor_goes_on_when_the_user_it_borrowed_from_leaves(
    cluster: LocalCluster, connect: Connect, driver: Driver, second_user: dict[str, Any]
) -> None:
    first = connect(cluster, topology_refresh_ms=50, **second_user)
    sessions = SESSIONS[driver.engine.name].format("second_user")
    eventually(lambda: at_server(cluster, cluster.writer.name, sessions) > 1)
    second = connect(cluster, topology_refresh_ms=50)
    first.close()
    administrate(cluster, LOCK[driver.engine.name])
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(second, "SELECT 1")
    assert_on_true_writer(cluster, second)
    assert driver_threads()


@both_engines
def test_the_monitor_may_have_a_user_of_its_own(
    cluster: LocalCluster, connect: Connect, driver: Driver, second_user: dict[str, Any]
) -> None:
    own = {f"topology-monitoring-{name}": second_user[name] for name in ("user", "password")}
    connect(cluster, topology_refresh_ms=50, **own)
    sessions = SESSIONS[driver.engine.name].format("second_user")
    eventually(lambda: at_server(cluster, cluster.writer.name, sessions) == 1)
