"""The state of sessions on real MySQL servers: set by the drivers' ways and by statements, and carried over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from aws_advanced_python_wrapper.errors import (
    AwsWrapperError,
    FailoverFailedError,
    FailoverSuccessError,
    QueryTimeoutError,
    TransactionResolutionUnknownError,
)
from cluster.in_loop import InLoop
from cluster.support import administrate, database, execute, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("mysql")

AWKWARD = """Bücher `of` "l'été" \\ 100%"""

MOVING: dict[str, Any] = {"plugins": "read_write_splitting"}

CANNOT_WRITE, NOT_GRANTED, NO_SUCH_DATABASE = 1792, 3530, 1049  # MySQL's error numbers


class State(NamedTuple):
    """What a server says about a session."""

    autocommit: int
    isolation: str
    read_only: int
    time_zone: str
    sql_mode: str
    charset: str
    database: str


def state_of(connection: Any) -> State:
    query = (
        "SELECT @@autocommit, @@transaction_isolation, @@transaction_read_only, @@time_zone, @@sql_mode, "
        "@@character_set_client, DATABASE()"
    )
    (row,) = execute(connection, query).fetchall()
    return State(*row)


def role_of(connection: Any) -> str:
    return str(value(connection, "SELECT CURRENT_ROLE()")).replace('"', "`")  # as the SQL mode has it


def errno_of(error: BaseException | None) -> Any:
    return getattr(error, "errno", None) or (error and error.args[0])


def put(connection: Any, name: str, wanted: Any) -> None:
    """Set an attribute, by the driver's own way where it has one."""
    setter = f"set_{name}"
    if not isinstance(connection, InLoop):
        setattr(connection, name, wanted)
    elif hasattr(connection._target.target_connection, setter):
        getattr(connection, setter)(wanted)
    elif name == "database":
        connection.select_db(wanted)
    else:
        execute(connection, f"SET {name} = '{wanted}'")


def put_latin1(connection: Any) -> None:
    if hasattr(connection.target_connection, "set_charset_collation"):
        connection.set_charset_collation("latin1")
    else:
        connection.set_charset("latin1")


def fail_over(cluster: LocalCluster, connection: Any) -> None:
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")


def move(connection: Any) -> None:
    """Have a connection that is neither read-only nor writable expressly go on with another one."""
    before = connection.target_connection
    connection.set_read_only(True)
    assert connection.target_connection is not before


@pytest.fixture
def other(cluster: LocalCluster) -> Iterator[str]:
    """Return the name of another database, which wants quoting."""
    quoted = f"`{AWKWARD.replace('`', '``')}`"
    administrate(cluster, f"DROP DATABASE IF EXISTS {quoted}", f"CREATE DATABASE {quoted}")
    administrate(cluster, f"GRANT ALL ON {quoted}.* TO `{cluster.user}`@`%`")
    yield AWKWARD
    cluster.wait_settled()
    administrate(cluster, f"DROP DATABASE {quoted}")


@pytest.fixture
def role(cluster: LocalCluster) -> Iterator[str]:
    """Return a role that the cluster's user was granted."""
    administrate(cluster, "DROP ROLE IF EXISTS `the role`", "CREATE ROLE `the role`")
    administrate(cluster, f"GRANT `the role` TO `{cluster.user}`@`%`")
    yield "the role"
    cluster.wait_settled()
    administrate(cluster, "DROP ROLE `the role`")


@pytest.mark.parametrize("autocommit", [True, False])
def test_what_is_set_by_the_drivers_ways_survives_a_failover(
    cluster: LocalCluster, connect: Connect, role: str, autocommit: bool
) -> None:
    connection: Any = connect(cluster)
    put(connection, "time_zone", "+02:00")
    put(connection, "sql_mode", "ANSI_QUOTES")
    put(connection, "isolation_level", "READ COMMITTED")
    put_latin1(connection)
    connection.set_read_only(False)
    put(connection, "database", "information_schema")
    connection.set_role(role)
    connection.set_autocommit(autocommit)
    expected = State(autocommit, "READ-COMMITTED", 0, "+02:00", "ANSI_QUOTES", "latin1", "information_schema")
    assert state_of(connection) == expected
    connection.commit()
    fail_over(cluster, connection)
    assert state_of(connection) == expected
    assert role_of(connection) == "`the role`@`%`"
    assert (connection.isolation_level, connection.read_only) == ("READ COMMITTED", False)
    assert value(connection, "SELECT 'été'") == "été"


def test_what_plain_statements_set_goes_over(cluster: LocalCluster, connect: Connect, other: str) -> None:
    connection: Any = connect(cluster, **MOVING)
    for statement in (
        f"USE `{other.replace('`', '``')}`",
        "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET time_zone = 'SYSTEM', SESSION sql_mode = \"NO_BACKSLASH_ESCAPES,ANSI_QUOTES\"",
        "SET autocommit = 0",
    ):
        execute(connection, statement)
    before = state_of(connection)
    assert before[:5] == (0, "SERIALIZABLE", 0, "SYSTEM", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
    connection.rollback()
    move(connection)
    assert state_of(connection) == before._replace(read_only=1)


def test_moving_back_and_forth_tells_each_side_once_what_it_is_for(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **MOVING)
    told: dict[bool, list[int]] = {True: [], False: []}
    for read_only in [True, False] * 3:
        connection.set_read_only(read_only)
        cursor = execute(connection, "SHOW SESSION STATUS LIKE 'Com_set_option'")
        told[read_only].append(int(cursor.fetchall()[0][1]))
        assert state_of(connection).read_only is int(read_only)
    assert [len(set(counts)) for counts in told.values()] == [1, 1]


def test_a_side_that_is_gone_back_to_is_as_the_session_is_now(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **MOVING)
    first = state_of(connection)
    put(connection, "time_zone", "+02:00")
    put(connection, "isolation_level", "READ COMMITTED")
    connection.set_read_only(True)
    put(connection, "isolation_level", None)
    execute(connection, "SET time_zone = DEFAULT")
    connection.set_read_only(None)
    assert state_of(connection) == first


def test_the_object_itself_goes_on_as_it_was(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection: Any = connect(cluster, **MOVING)
    if driver.name == "aiomysql":
        connection.cursorclass = driver.module.DictCursor
    else:
        connection.raise_on_warnings = connection.can_consume_results = True
    connection.of_mine = 42
    move(connection)
    assert connection.of_mine == 42
    if driver.name == "aiomysql":
        assert execute(connection, "SELECT 1 AS one").fetchall() == [{"one": 1}]
    else:
        assert (connection.get_warnings, connection.raise_on_warnings) == (True, True)
        with pytest.raises(driver.module.Error, match="Division by 0"):
            execute(connection, "SELECT 1 / 0").fetchall()


def test_nothing_goes_over_where_that_is_not_wanted(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, transfer_session_state_on_switch=False, **MOVING)
    before = state_of(connection)
    put(connection, "time_zone", "+02:00")
    put(connection, "database", "information_schema")
    move(connection)
    assert state_of(connection) == before._replace(read_only=1)


def test_read_only_is_said_to_the_server(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection: Any = connect(cluster, plugins="none")
    for wanted, at_server in ((True, 1), (False, 0), (True, 1), (None, 0)):
        connection.set_read_only(wanted)
        assert (connection.read_only, state_of(connection).read_only) == (wanted, at_server)
    connection.set_read_only(True)
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, f"CREATE TABLE {cluster.database}.never (id int)")
    assert errno_of(caught.value) == CANNOT_WRITE


def test_a_schema_is_a_database(cluster: LocalCluster, connect: Connect, other: str) -> None:
    connection: Any = connect(cluster, **MOVING)
    execute(connection, "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    connection.set_schema(other)
    put(connection, "database", "information_schema")
    connection.set_schema([other])
    assert state_of(connection).database == other
    move(connection)
    assert state_of(connection).database == other
    put(connection, "database", "information_schema")
    connection.set_read_only(False)
    assert state_of(connection).database == "information_schema"
    connection.set_schema(None)
    assert state_of(connection).database == cluster.database


def test_names_are_sent_in_the_charset_of_the_session(cluster: LocalCluster, connect: Connect) -> None:
    with database(cluster, "`été`"):
        administrate(cluster, f"GRANT ALL ON `été`.* TO `{cluster.user}`@`%`")
        connection: Any = connect(cluster, plugins="none")
        put_latin1(connection)
        connection.set_schema("été")
        assert state_of(connection).database == "été"


def test_no_session_has_several_databases_or_none_again(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="none", database="")
    for names in (["one", "two"], []):
        with pytest.raises(AwsWrapperError, match="give the name of one database"):
            connection.set_schema(names)
    connection.set_schema(cluster.database)
    with pytest.raises(AwsWrapperError, match="began without a database"):
        connection.set_schema(None)


def test_what_the_server_refuses_changes_nothing(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection: Any = connect(cluster, **MOVING)
    for set_it, wanted, errno in (
        (connection.set_schema, "a`; DROP DATABASE x", NO_SUCH_DATABASE),
        (connection.set_role, "nobody_of_this_name", NOT_GRANTED),
    ):
        with pytest.raises(driver.module.Error) as caught:
            set_it(wanted)
        assert errno_of(caught.value) == errno
    move(connection)
    assert state_of(connection).database == cluster.database
    assert role_of(connection) == "NONE"


def test_a_role_is_taken_on_and_laid_down(cluster: LocalCluster, connect: Connect, role: str) -> None:
    connection: Any = connect(cluster, plugins="none")
    for name in (role, f"{role}@%"):
        connection.set_role(name)
        assert role_of(connection) == "`the role`@`%`"
        connection.set_role(None)
        assert role_of(connection) == "NONE"


def test_a_role_that_was_revoked_ends_the_failover(cluster: LocalCluster, connect: Connect, role: str) -> None:
    connection: Any = connect(cluster)
    connection.set_role(role)
    administrate(cluster, f"REVOKE `{role}` FROM `{cluster.user}`@`%`")
    cluster.failover()
    with pytest.raises(FailoverFailedError) as caught:
        execute(connection, "SELECT 1")
    assert errno_of(caught.value.__cause__) == NOT_GRANTED
    assert connection.closed


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
def test_a_session_that_was_given_to_another_user_ends_the_failover(cluster: LocalCluster, connect: Connect) -> None:
    administrate(cluster, "CREATE USER IF NOT EXISTS another@`%` IDENTIFIED BY 'secret'")
    administrate(cluster, f"GRANT ALL ON {cluster.database}.* TO another@`%`")
    connection: Any = connect(cluster)
    connection.cmd_change_user("another", "secret", "information_schema")
    assert value(connection, "SELECT CURRENT_USER()") == "another@%"
    assert connection.target_connection.session_notes.database == state_of(connection).database
    cluster.failover()
    with pytest.raises(FailoverFailedError) as caught:
        execute(connection, "SELECT 1")
    assert "change_user" in str(caught.value.__cause__)
    assert connection.closed
    cluster.wait_settled()
    administrate(cluster, "DROP USER another")


@pytest.mark.parametrize("setting", ["set_schema", "set_role", "set_read_only"])
def test_nothing_is_set_inside_a_transaction(
    cluster: LocalCluster, connect: Connect, driver: Driver, setting: str
) -> None:
    connection: Any = connect(cluster, plugins="none")
    execute(connection, "BEGIN")
    with pytest.raises(driver.module.ProgrammingError, match="a transaction is open"):
        getattr(connection, setting)("mysql")
    connection.rollback()
    assert state_of(connection)[2::4] == (0, cluster.database)


def test_a_lost_connection_is_lost_also_in_a_transaction(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster)
    execute(connection, "BEGIN")
    cluster.failover()
    with pytest.raises(TransactionResolutionUnknownError):
        connection.set_schema("information_schema")


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
@pytest.mark.parametrize("setting", ["set_schema", "set_role", "set_read_only"])
def test_rows_that_nobody_has_read_are_not_lost(
    cluster: LocalCluster, connect: Connect, driver: Driver, setting: str
) -> None:
    connection: Any = connect(cluster, **MOVING)
    cursor = connection.cursor()
    cursor.execute("SELECT 1 UNION SELECT 2")
    with pytest.raises(driver.module.ProgrammingError, match="rows that nobody has read"):
        getattr(connection, setting)("mysql")
    assert cursor.fetchall() == [(1,), (2,)]


@pytest.mark.parametrize("setting", ["set_schema", "set_role"])
def test_a_server_that_does_not_answer_is_given_up(cluster: LocalCluster, connect: Connect, setting: str) -> None:
    connection: Any = connect(cluster, plugins="none", auxiliary_query_timeout_sec=0.5)
    cluster.writer.proxy.blackhole()
    with pytest.raises(QueryTimeoutError):
        getattr(connection, setting)("mysql")
    assert connection.closed


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
def test_a_session_that_begins_anew_forgets_what_the_driver_forgets(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="none")
    put(connection, "time_zone", "+02:00")
    put(connection, "database", "information_schema")
    connection.set_read_only(True)
    put(connection, "isolation_level", "SERIALIZABLE")
    for again, name in ((connection.cmd_reset_connection, "information_schema"), (connection.reconnect, None)):
        again()
        assert (connection.read_only, connection.isolation_level) == (None, None)
        state = state_of(connection)
        assert (state.time_zone, state.database) == ("+02:00", name or cluster.database)
        assert connection.target_connection.session_notes.database == state.database


def test_a_level_that_there_is_not_is_refused(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="none")
    with pytest.raises(ValueError, match="there is no level 'SNAPSHOT'"):
        put(connection, "isolation_level", "SNAPSHOT")
