"""What MySQL's clients say to a server through the proxy, beyond queries."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from cluster.support import administrate, execute, login_role, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.local.cluster import LocalCluster
    from cluster.drivers import Driver

pytestmark = pytest.mark.drivers("mysql")
HOSTS = "SELECT SERVER_ID FROM information_schema.replica_host_status WHERE SESSION_ID = 'MASTER_SESSION_ID'"


@pytest.fixture
def connect(driver: Driver, cluster: LocalCluster) -> Iterator[Callable[..., Any]]:
    """Connect to the writer with the driver alone."""
    opened: list[Any] = []

    def open_one(**extra: Any) -> Any:
        opened.append(driver.connect(**cluster.parameters(**{**driver.arguments, **extra})))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def columns(cursor: Any) -> list[str]:
    return [column[0] for column in cursor.description]


def test_an_instance_says_who_it_is(cluster: LocalCluster, connect: Callable[..., Any]) -> None:
    connection = connect()
    cursor = execute(connection, "SELECT @@aurora_server_id, @@innodb_read_only AS reader, AURORA_VERSION()")
    assert columns(cursor) == ["@@aurora_server_id", "reader", "AURORA_VERSION()"]
    (row,) = cursor.fetchall()
    assert row[:2] == (cluster.writer.name, 0)
    cursor = execute(connection, "SHOW VARIABLES LIKE 'aurora\\_version'")
    assert columns(cursor) == ["Variable_name", "Value"]
    assert cursor.fetchall() == [("aurora_version", row[2])]
    assert value(connection, HOSTS) == cluster.writer.name


def test_a_reader_says_that_it_is_read_only(cluster: LocalCluster, connect: Callable[..., Any]) -> None:
    connection = connect(host=cluster.readers[0].host)
    assert value(connection, "SELECT @@innodb_read_only") == 1
    cursor = execute(connection, "SHOW GLOBAL VARIABLES WHERE Variable_name = 'innodb_read_only' -- as it is")
    assert cursor.fetchall() == [("innodb_read_only", "ON")]


def test_a_prepared_statement_may_ask_too(cluster: LocalCluster, connect: Callable[..., Any]) -> None:
    with closing(connect().cursor(prepared=True)) as cursor:
        for number in (1, 2):
            cursor.execute("SELECT @@aurora_server_id, %s", (number,))
            assert columns(cursor) == ["@@aurora_server_id", "?"]
            assert cursor.fetchall() == [(cluster.writer.name, number)]


def test_a_query_may_be_longer_than_a_packet(connect: Callable[..., Any]) -> None:
    connection = connect()
    assert value(connection, f"SELECT LENGTH('{'x' * (17 << 20)}')") == 17 << 20
    assert value(connection, "SELECT LENGTH(REPEAT('x', 18000000))") == 18_000_000


def test_another_user_may_log_in_on_the_same_connection(cluster: LocalCluster, connect: Callable[..., Any]) -> None:
    with login_role(cluster, "another", "secret"):
        become_another(cluster, connect())


@pytest.mark.drivers("mysql-c")  # old versions of pure Python insist on TLS
def test_another_user_may_log_in_on_the_same_connection_without_tls(
    cluster: LocalCluster, driver: Driver, connect: Callable[..., Any]
) -> None:
    connect()  # since then the server knows the user
    with login_role(cluster, "another", "secret"):
        connect(user="another", password="secret", database=None)
        become_another(cluster, connect(**driver.no_tls))


@pytest.mark.drivers("mysql-pure")  # for the cluster: the client is another one, which needs no server's memory
def test_without_tls_a_password_that_the_server_has_never_seen_is_encrypted(cluster: LocalCluster) -> None:
    with login_role(cluster, "another", "secret"):
        parameters = cluster.parameters(user="another", database=None)
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            pymysql.connect(**{**parameters, "password": "wrong"})
        with pymysql.connect(**{**parameters, "password": "secret"}) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER(), @@aurora_server_id")
            assert cursor.fetchall() == (("another@%", cluster.writer.name),)


def become_another(cluster: LocalCluster, connection: Any) -> None:
    connection.cmd_change_user("another", "secret")
    assert value(connection, "SELECT CURRENT_USER()") == "another@%"
    assert value(connection, "SELECT @@aurora_server_id") == cluster.writer.name


def test_a_compressed_connection_is_no_different(cluster: LocalCluster, connect: Callable[..., Any]) -> None:
    connection = connect(compress=True)
    for _ in range(300):
        assert value(connection, "SELECT @@aurora_server_id") == cluster.writer.name
    assert value(connection, f"SELECT LENGTH('{'x' * (17 << 20)}')") == 17 << 20
    assert value(connection, "SELECT REPEAT('x', 1000000)") == "x" * 1_000_000


@pytest.mark.parametrize("compress", [False, True])
def test_a_file_is_loaded_in_more_packets_than_have_numbers(
    cluster: LocalCluster, connect: Callable[..., Any], tmp_path: Path, compress: bool
) -> None:
    administrate(cluster, "SET GLOBAL local_infile = ON")
    file = tmp_path / "rows.csv"
    file.write_text("@@aurora_server_id\n" * 500_000)
    connection = connect(allow_local_infile=True, compress=compress)
    execute(connection, "CREATE TEMPORARY TABLE loaded (word VARCHAR(30))")
    execute(connection, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded")
    assert value(connection, "SELECT COUNT(*) FROM loaded WHERE word = '@@aurora_server_id'") == 500_000
    assert value(connection, "SELECT @@aurora_server_id") == cluster.writer.name
