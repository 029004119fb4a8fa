"""Schema and role on real servers: set, taken back, refused, and carried over to the next host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.errors import FailoverFailedError, FailoverSuccessError, QueryTimeoutError
from cluster.support import administrate, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

PATH = "SELECT pg_catalog.current_setting('search_path')"
ROLE = "SELECT current_user"

AWKWARD = """Bücher "of", l'été \\ 100%"""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def role(cluster: LocalCluster) -> Iterator[str]:
    """Return a role, with a name that wants quoting, of which the cluster's user is a member."""
    name, user = quoted(AWKWARD), quoted(cluster.user)
    administrate(cluster, f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name}", f"GRANT {name} TO {user}")
    yield AWKWARD
    cluster.wait_settled()
    administrate(cluster, f"DROP ROLE {name}")


def fail_over(cluster: LocalCluster, connection: Any) -> None:
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("autocommit", [True, False])
def test_schema_and_role_survive_a_failover(
    cluster: LocalCluster, connect: Connect, role: str, autocommit: bool
) -> None:
    connection = connect(cluster, autocommit=autocommit)
    connection.set_schema(["app", AWKWARD, "$user"])
    connection.set_role(role)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    fail_over(cluster, connection)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert value(connection, PATH) == f'''"app", {quoted(AWKWARD)}, "$user"'''
    assert value(connection, ROLE) == role


def test_what_is_taken_back_is_as_the_session_began(cluster: LocalCluster, connect: Connect, role: str) -> None:
    connection = connect(cluster, options="-csearch_path=mine")
    connection.set_schema("app")
    connection.set_role(role)
    connection.set_schema(None)
    connection.set_role(None)
    for _ in range(2):
        assert value(connection, PATH) == "mine"
        assert value(connection, ROLE) == cluster.user
        if not _:
            fail_over(cluster, connection)


def test_tables_are_found_in_the_schema(cluster: LocalCluster, connect: Connect) -> None:
    administrate(
        cluster,
        "DROP SCHEMA IF EXISTS mine CASCADE",
        "CREATE SCHEMA mine",
        "CREATE TABLE mine.only_here AS SELECT 42 AS answer",
        "GRANT USAGE ON SCHEMA mine TO PUBLIC",
        "GRANT SELECT ON mine.only_here TO PUBLIC",
    )
    connection = connect(cluster)
    connection.set_schema("mine")
    assert value(connection, "SELECT answer FROM only_here") == 42
    connection.set_schema([])
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT answer FROM only_here")


def test_names_are_sent_in_the_encoding_of_the_session(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, client_encoding="latin1")
    connection.set_schema("été")
    assert value(connection, PATH) == '"été"'


def test_a_name_cannot_end_before_its_end(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    with pytest.raises(psycopg.DataError, match="NUL"):
        connection.set_schema("app\0hidden")
    connection.set_schema('app", pg_temp, "x')
    assert value(connection, PATH) == '''"app"", pg_temp, ""x"'''


def test_a_role_that_the_server_refuses_changes_nothing(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster)
    with pytest.raises(psycopg.Error) as caught:
        connection.set_role("nobody_of_this_name")
    assert caught.value.sqlstate == "22023"
    fail_over(cluster, connection)
    assert value(connection, ROLE) == cluster.user


def test_a_role_that_was_revoked_ends_the_failover(cluster: LocalCluster, connect: Connect, role: str) -> None:
    connection = connect(cluster)
    connection.set_role(role)
    name, user = quoted(role), quoted(cluster.user)
    administrate(cluster, f"REVOKE {name} FROM {user}")
    cluster.failover()
    with pytest.raises(FailoverFailedError) as caught:
        connection.execute("SELECT 1")
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert caught.value.__cause__.sqlstate == "42501"
    assert connection.closed


@pytest.mark.parametrize("setting", ["set_schema", "set_role"])
def test_nothing_is_set_inside_a_transaction_or_pipeline(cluster: LocalCluster, connect: Connect, setting: str) -> None:
    connection = connect(cluster)
    with connection.transaction(), pytest.raises(psycopg.ProgrammingError, match="INTRANS"):
        getattr(connection, setting)("app")
    with connection.pipeline(), pytest.raises(psycopg.ProgrammingError, match="pipeline"):
        getattr(connection, setting)("app")
    assert value(connection, PATH) == '"$user", public'


def test_a_server_that_does_not_answer_is_given_up(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="none", auxiliary_query_timeout_sec=0.5)
    cluster.writer.proxy.blackhole()
    with pytest.raises(QueryTimeoutError):
        connection.set_schema("app")
    assert connection.closed


def test_the_users_own_transfer_sets_what_is_not_ours(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, autocommit=False, on_switch=set_timeout)
    fail_over(cluster, connection)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    connection.rollback()
    assert value(connection, "SELECT pg_catalog.current_setting('statement_timeout')") == "42s"


def set_timeout(raw: Any) -> Any:
    """Work in both flavours: what a function returns is awaited where it can be."""
    return raw.execute("SET statement_timeout = '42s'")
