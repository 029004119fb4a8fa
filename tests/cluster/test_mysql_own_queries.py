"""What the driver asks MySQL servers by itself is answered alike whatever a program has set, and is seen by nobody."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.database.detection import detect
from aws_advanced_python_wrapper.database.mysql import AURORA_MYSQL, MULTI_AZ_MYSQL
from aws_advanced_python_wrapper.deadline import Deadline
from cluster.support import administrate, at_server, database, execute, value
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper import AwsWrapperConnection
    from aws_advanced_python_wrapper.database.dialect import Answer
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("mysql")

STATUS_TABLE = "information_schema.replica_host_status"

# All that asks anything does so as often as it can.
BUSY: dict[str, Any] = {
    "plugins": "aurora_connection_tracker,read_write_splitting,failover,host_monitoring,fastest_response_strategy",
    "topology_refresh_ms": 20,
    "failure_detection_time_ms": 0,
    "failure_detection_interval_ms": 50,
    "response_measurement_interval_ms": 20,
}


def asking(connection: AwsWrapperConnection) -> Callable[[str], Coroutine[Any, Any, Answer]]:
    adapter, raw = connection._session.adapter, connection.target_connection
    return lambda sql: adapter.query(BlockingIo(), raw, sql, Deadline.after(10))


def host_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("host ")]


def in_transaction(connection: AwsWrapperConnection) -> bool:
    return bool(connection.in_transaction)


@pytest.fixture(params=[True, False], ids=["autocommit", "no autocommit"])
def connection(request: pytest.FixtureRequest, cluster: LocalCluster, connect: Connect) -> AwsWrapperConnection:
    return connect(cluster, cluster.readers[0].host, plugins="", autocommit=request.param)


@pytest.mark.parametrize(
    "setting",
    [
        "sql_mode = 'ANSI,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH'",
        "time_zone = '+14:00'",
        "time_zone = '-12:00'",
        "collation_connection = utf8mb4_bin",
        "character_set_results = NULL",
        "lc_messages = 'de_DE'",
        "div_precision_increment = 0",
        "SESSION TRANSACTION READ ONLY",
        "SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    ],
)
def test_what_a_program_has_set_makes_no_difference(
    cluster: LocalCluster, connection: AwsWrapperConnection, setting: str
) -> None:
    execute(connection, f"SET {setting}").close()
    ask = asking(connection)
    assert run(detect("mysql", ask)) is AURORA_MYSQL
    assert run(AURORA_MYSQL.identify(ask)).host_id == cluster.readers[0].name
    members = {member.host_id: member.is_writer for member in run(AURORA_MYSQL.members(ask))}
    assert members == {instance.name: instance.is_writer for instance in cluster.instances}
    assert not in_transaction(connection)


def test_few_rows_are_wanted_and_all_members_come(cluster: LocalCluster, connection: AwsWrapperConnection) -> None:
    execute(connection, "SET sql_select_limit = 1").close()
    assert len(run(AURORA_MYSQL.members(asking(connection)))) == len(cluster.instances)


@pytest.fixture
def hostile(cluster: LocalCluster) -> Iterator[str]:
    """Return a database whose tables and functions are called like those that the driver asks."""
    with database(cluster, "hostile") as name:
        administrate(
            cluster,
            f"CREATE TABLE {name}.replica_host_status (server_id INT)",
            f"CREATE TABLE {name}.rds_topology (id INT, endpoint VARCHAR(100), port INT)",
            f"CREATE TABLE {name}.tables (table_schema VARCHAR(100), table_name VARCHAR(100))",
            *(
                f"CREATE FUNCTION {name}.`{function}` (a VARCHAR(100)) RETURNS VARCHAR(100) DETERMINISTIC RETURN 'bad'"
                for function in ("UNIX_TIMESTAMP", "COALESCE", "SUBSTRING_INDEX", "IF", "MAX", "COUNT")
            ),
        )
        yield name


def test_what_a_programs_database_has_makes_no_difference(
    cluster: LocalCluster, connection: AwsWrapperConnection, hostile: str
) -> None:
    cluster.wait_settled()
    execute(connection, f"USE {hostile}").close()
    ask = asking(connection)
    assert run(detect("mysql", ask)) is AURORA_MYSQL
    members = run(AURORA_MYSQL.members(ask))
    assert {member.host_id for member in members} == {instance.name for instance in cluster.instances}
    assert all(member.updated_at for member in members)


# The table of a cluster


@pytest.fixture
def members_in(cluster: LocalCluster, connect: Connect) -> Callable[..., Any]:
    """Return a function that asks for the members with a table that has these rows."""
    connection = connect(cluster, plugins="")
    execute(
        connection,
        "CREATE TEMPORARY TABLE status (server_id VARCHAR(100), session_id VARCHAR(100), "
        "replica_lag_in_milliseconds DOUBLE, last_update_timestamp DATETIME(6))",
    ).close()
    execute(connection, "CREATE TEMPORARY TABLE newest SELECT last_update_timestamp FROM status").close()

    async def ask(sql: str) -> Any:
        # A temporary table can be named once in a query only.
        first, _, second = sql.partition(STATUS_TABLE)
        text = f"{first}status{second.replace(STATUS_TABLE, 'newest')}"
        return await asking(connection)(text)

    def members(zone: str, *rows: tuple[str, str, float | None, int | None]) -> dict[str, Any]:
        """Each row: name, session, lag, and for how many seconds the member has not reported."""
        execute(connection, "SET time_zone = %s", zone).close()
        for name, session, lag, age in rows:
            told = "NULL" if age is None else f"UTC_TIMESTAMP(6) - INTERVAL {age} SECOND"
            execute(connection, f"INSERT INTO status SELECT %s, %s, %s, {told}", name, session, lag).close()
        execute(connection, "INSERT INTO newest SELECT last_update_timestamp FROM status").close()
        return {member.host_id: member for member in run(AURORA_MYSQL.members(ask))}

    return members


@pytest.mark.parametrize("zone", ["+00:00", "+14:00", "-12:00"])
def test_members_that_have_not_reported_for_long_are_left_out_in_any_time_zone(
    members_in: Callable[..., Any], zone: str
) -> None:
    rows = [
        ("writer", "MASTER_SESSION_ID", None, 4000),
        ("fresh", "a", 12.5, 0),
        ("slow", "b", 5, 290),
        ("gone", "c", 5, 310),
        ("new", "d", 5, None),
    ]
    members = members_in(zone, *rows)
    assert members.keys() == {"writer", "fresh", "slow", "new"}
    assert [members[name].is_writer for name in ("writer", "fresh", "slow", "new")] == [True, False, False, False]
    assert (members["writer"].lag_ms, members["fresh"].lag_ms) == (0.0, 12.5)
    assert members["new"].updated_at is None
    assert members["fresh"].updated_at - members["slow"].updated_at == pytest.approx(290, abs=1)


def test_a_table_that_is_old_as_a_whole_still_names_everybody(members_in: Callable[..., Any]) -> None:
    members = members_in("+00:00", ("writer", "MASTER_SESSION_ID", 0, 5000), ("reader", "a", 0, 5001))
    assert members.keys() == {"writer", "reader"}


# Seen by nobody


def test_no_occasion_opens_a_transaction(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False, **BUSY)
    seen = {"connected": in_transaction(connection)}
    for read_only in (True, False, True, False):
        connection.read_only = read_only
        seen[f"read_only {read_only}"] = in_transaction(connection)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    seen["failed over"] = in_transaction(connection)
    assert seen == dict.fromkeys(seen, False)


def test_a_query_that_reads_a_table_leaves_no_transaction_behind(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="", autocommit=False)
    ask = asking(connection)
    run(ask("SELECT COUNT(*) FROM information_schema.tables"))
    assert not in_transaction(connection)
    execute(connection, "SELECT COUNT(*) FROM information_schema.tables").close()
    assert in_transaction(connection)
    run(ask("SELECT COUNT(*) FROM information_schema.tables"))
    assert in_transaction(connection), "the program's own goes on"


def at_writer(cluster: LocalCluster, name: str) -> int:
    """Ask the writer's server what it has counted under this name."""
    query = f"SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = '{name}'"
    return int(at_server(cluster, cluster.writer.name, query))


def test_a_server_that_is_watched_counts_no_errors(cluster: LocalCluster, connect: Connect) -> None:
    """It would let nobody in from this machine any more after `max_connect_errors`."""
    patience = {"failure_detection_time_ms": 0, "failure_detection_interval_ms": 1000, "monitor_disposal_time_ms": 0}
    connection = connect(cluster, plugins="host_monitoring", **patience)
    aborted, connections = at_writer(cluster, "Aborted_connects"), at_writer(cluster, "Connections")
    assert value(connection, "SELECT SLEEP(2.5)") == 0
    connection.close()
    eventually(lambda: not host_threads())
    assert at_writer(cluster, "Aborted_connects") == aborted
    asked = 2  # these questions themselves
    assert at_writer(cluster, "Connections") > connections + asked


def test_multi_az_is_not_taken_for_aurora(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="")
    with pytest.raises(connection._session.adapter.failures):
        run(MULTI_AZ_MYSQL.identify(asking(connection)))
