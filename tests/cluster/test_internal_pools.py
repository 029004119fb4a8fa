"""Internal pools on real servers: one connection serves many programs, one after the other."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import pq

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.connection_provider import ConnectionProviderManager
from aws_advanced_python_wrapper.errors import FailoverSuccessError, QueryTimeoutError
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from cluster import programs
from cluster.drivers import every_driver
from cluster.support import (
    Background,
    administrate,
    assert_on_true_writer,
    at_server,
    execute,
    instance_of,
    process_of,
    program,
    value,
)
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

    Open = Callable[..., Any]

pytestmark = every_driver

OPTIONS = {"pool_size": 3, "max_overflow": 0, "timeout": 20}

POSTGRESQL_SETTINGS = "SELECT pg_catalog.current_setting('search_path') || ' ' || current_user"

MYSQL_SETTINGS = (
    "SELECT @@autocommit, @@transaction_isolation, @@transaction_read_only, @@time_zone, @@sql_mode, "
    "@@collation_connection, DATABASE(), CURRENT_ROLE(), @mine, IS_FREE_LOCK('mine')"
)


@pytest.fixture
def pools() -> Iterator[None]:
    """Have a pool for each host and user."""
    provider = SqlAlchemyPooledConnectionProvider(lambda _host, _props: OPTIONS)
    ConnectionProviderManager.set_connection_provider(provider)
    yield
    ConnectionProviderManager.release_resources()
    ConnectionProviderManager.reset_provider()


@pytest.fixture
def open_pooled(pools: None, connect: Connect) -> Open:
    """Return a function that opens a connection to a host, an instance of the cluster, through the pools."""
    del pools

    def open_connection(cluster: LocalCluster, host: str, **arguments: Any) -> Any:
        return connect(cluster, host, **{"autocommit": False, **arguments})

    return open_connection


def test_one_connection_serves_programs_one_after_the_other(cluster: LocalCluster, open_pooled: Open) -> None:
    pids = set()
    for _ in range(5):
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            assert instance_of(connection) == cluster.writer.name
            pids.add(process_of(connection))
    assert len(pids) == 1


@pytest.mark.drivers("postgresql")
def test_each_program_finds_a_connection_as_new(cluster: LocalCluster, open_pooled: Open) -> None:
    administrate(cluster, "DROP ROLE IF EXISTS pooled", "CREATE ROLE pooled", f"GRANT pooled TO {cluster.user}")
    first = open_pooled(cluster, cluster.writer.host)
    new = value(first, POSTGRESQL_SETTINGS)
    first.rollback()
    first.autocommit, first.row_factory, first.prepare_threshold = True, psycopg.rows.dict_row, 0
    first.isolation_level, first.read_only, first.deferrable = psycopg.IsolationLevel.SERIALIZABLE, True, True
    first.add_notice_handler(print)
    first.adapters.register_loader("int4", psycopg.types.string.TextLoader)
    first.set_schema("other")
    first.set_role("pooled")
    first.autocommit = False
    before = process_of(first)
    first.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        assert second.info.transaction_status == pq.TransactionStatus.IDLE
        assert process_of(second) == before
        assert value(second, POSTGRESQL_SETTINGS) == new
        assert second.execute("SELECT 1").fetchone() == (1,)
        states = second.isolation_level, second.read_only, second.deferrable, second.prepare_threshold
        assert states == (None, None, None, 5)
        assert second.target_connection._notice_handlers == []
    administrate(cluster, "DROP ROLE pooled")


@pytest.mark.drivers("mysql")
def test_each_program_finds_a_mysql_session_as_new(cluster: LocalCluster, open_pooled: Open, driver: Driver) -> None:
    administrate(cluster, "DROP ROLE IF EXISTS pooled", "CREATE ROLE pooled", f"GRANT pooled TO {cluster.user}")
    first = open_pooled(cluster, cluster.writer.host)
    before, new = process_of(first), execute(first, MYSQL_SETTINGS).fetchall()
    first.rollback()
    first.set_role("pooled")
    first.set_schema("information_schema")
    if driver.name == "aiomysql":
        first.set_charset("latin1")
        first.cursorclass = driver.module.DictCursor
    else:
        first.set_charset_collation("latin1")
        first.target_connection.raise_on_warnings = True
    for statement in ("SET time_zone = '+02:00', sql_mode = ''", "SET @mine = 42", "DO GET_LOCK('mine', 1)"):
        execute(first, statement).close()
    execute(first, f"CREATE TEMPORARY TABLE {cluster.database}.mine (id int)").close()
    first.commit()
    first.set_read_only(True)
    first.set_autocommit(True)
    execute(first, "BEGIN").close()
    first.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        assert execute(second, MYSQL_SETTINGS).fetchall() == new
        assert process_of(second) == before
        assert second.read_only is None
        execute(second, "CREATE TEMPORARY TABLE mine (id int)").close()
    administrate(cluster, "DROP ROLE pooled")


@pytest.mark.drivers("mysql")
def test_a_session_that_had_no_database_is_not_given_to_others_with_one(
    cluster: LocalCluster, open_pooled: Open
) -> None:
    processes = set()
    for _ in range(2):
        with closing(open_pooled(cluster, cluster.writer.host, database="")) as connection:
            assert value(connection, "SELECT DATABASE()") is None
            processes.add(process_of(connection))
            connection.set_schema(cluster.database)
    assert len(processes) == 2


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
def test_prepared_statements_end_with_the_program_that_prepared_them(cluster: LocalCluster, open_pooled: Open) -> None:
    processes = set()
    for _ in range(3):
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            processes.add(process_of(connection))
            cursor = connection.cursor(prepared=True)
            cursor.execute("SELECT %s + 1", (41,))
            assert cursor.fetchall() == [(42,)]
            assert value(connection, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'") == "Prepared_stmt_count"
    assert len(processes) == 1
    count = "SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Prepared_stmt_count'"
    assert int(at_server(cluster, cluster.writer.name, count)) == 0


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
def test_a_connection_with_rows_that_nobody_has_read_does_not_go_back(cluster: LocalCluster, open_pooled: Open) -> None:
    for options in ({}, {"consume_results": True}):
        connection = open_pooled(cluster, cluster.writer.host, **options)
        before = process_of(connection)
        cursor = connection.cursor()
        cursor.execute("SELECT 1 UNION SELECT 2")
        connection.close()
        with closing(open_pooled(cluster, cluster.writer.host, **options)) as second:
            assert process_of(second) != before


@pytest.mark.drivers("postgresql")
def test_prepared_statements_outlive_the_program_that_prepared_them(cluster: LocalCluster, open_pooled: Open) -> None:
    for _ in range(3):
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            for number in range(3):
                rows = connection.execute("SELECT %s::int", (number,), prepare=True)
                assert rows.fetchone() == (number,)


def test_who_has_closed_a_connection_reaches_nobody_elses(
    cluster: LocalCluster, open_pooled: Open, driver: Driver
) -> None:
    first = open_pooled(cluster, cluster.writer.host)
    before = process_of(first)
    cursor = execute(first, "SELECT 1")
    first.close()
    first.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        assert process_of(second) == before
        execute(second, "CREATE TEMPORARY TABLE mine (id int)")
        assert first.closed
        for call in (first.commit, first.rollback, lambda: execute(first, "DROP TABLE mine")):
            with suppress(driver.module.Error):  # some drivers have nothing to roll back, and say nothing
                call()
        with pytest.raises(driver.module.InterfaceError):
            cursor.execute("SELECT 1")
        assert value(second, "SELECT count(*) FROM mine") == 0
        second.rollback()


@pytest.mark.drivers("postgresql")
def test_a_connection_closed_within_a_block_does_not_go_back(cluster: LocalCluster, open_pooled: Open) -> None:
    connection = open_pooled(cluster, cluster.writer.host)
    before = process_of(connection)
    connection.rollback()
    block = connection.transaction()
    block.__enter__()
    connection.close()
    with closing(open_pooled(cluster, cluster.writer.host)) as second:
        assert process_of(second) != before


def test_a_connection_that_the_server_has_ended_is_passed_over(
    cluster: LocalCluster, open_pooled: Open, driver: Driver
) -> None:
    connections = [open_pooled(cluster, cluster.writer.host) for _ in range(3)]
    processes = {process_of(connection) for connection in connections}
    for connection in connections:
        connection.close()
    with closing(cluster.connect_directly(cluster.writer)) as direct:
        for ended in processes:
            execute(direct, driver.engine.end_process.format(ended))
    with closing(open_pooled(cluster, cluster.writer.host)) as connection:
        assert process_of(connection) not in processes
        assert instance_of(connection) == cluster.writer.name


@pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])
def test_a_failover_finds_connections_in_use_and_idle(cluster: LocalCluster, open_pooled: Open, kind: Any) -> None:
    old = cluster.writer
    readers = [instance.host for instance in cluster.instances if instance.name != old.name]
    in_use, idle, *beside = [open_pooled(cluster, host) for host in (old.host, old.host, *readers)]
    in_use.set_autocommit(True)
    lost = {raw_of(in_use), raw_of(idle)}
    for connection in (idle, *beside):
        connection.close()
    cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        execute(in_use, "SELECT 1")
    assert_on_true_writer(cluster, in_use)
    in_use.close()
    cluster.wait_settled()
    for host in (old.host, *readers):
        with closing(open_pooled(cluster, host)) as connection:
            assert instance_of(connection)
            assert raw_of(connection) not in lost


def raw_of(connection: Any) -> Any:
    """Return what tells the driver's own connections apart, and keeps them, so that none has another's identity."""
    raw = connection.target_connection
    return getattr(raw, "_target", raw)


def test_many_at_once_share_few_connections(cluster: LocalCluster, open_pooled: Open, driver: Driver) -> None:
    def work() -> int:
        with closing(open_pooled(cluster, cluster.writer.host)) as connection:
            execute(connection, driver.engine.sleep.format(0.01)).close()
            return process_of(connection)

    processes = [thread.result() for thread in [Background(work) for _ in range(20)]]
    assert len(set(processes)) <= OPTIONS["pool_size"]


def test_a_limit_of_one_program_is_not_the_next_ones(cluster: LocalCluster, open_pooled: Open, driver: Driver) -> None:
    arguments: dict[str, Any] = {"plugins": "none", "autocommit": True}
    sleep = driver.engine.sleep
    with closing(open_pooled(cluster, cluster.writer.host, socket_timeout=0.3, **arguments)) as limited:
        processes = {process_of(limited)}
    with closing(open_pooled(cluster, cluster.writer.host, **arguments)) as free:
        processes.add(process_of(free))
        execute(free, sleep.format(0.8)).close()
    limited = open_pooled(cluster, cluster.writer.host, socket_timeout=0.3, **arguments)
    processes.add(process_of(limited))
    with pytest.raises(QueryTimeoutError):
        execute(limited, sleep.format(20))
    limited.close()
    # The blocking drivers of MySQL have a limit of their own, which stays with the connection: such are kept apart.
    assert len(processes) == 1 or driver.name in {"mysql-c", "mysql-pure"}


def test_a_limit_does_not_move_with_its_program_to_another_host(
    cluster: LocalCluster, open_pooled: Open, driver: Driver
) -> None:
    moving: dict[str, Any] = {"plugins": "read_write_splitting", "autocommit": True}
    open_pooled(cluster, cluster.writer.host, socket_timeout=30, **moving).close()
    with closing(open_pooled(cluster, cluster.writer.host, reset_session_state_on_close=False, **moving)) as connection:
        connection.read_only = True
        execute(connection, "SELECT 1").close()
    for host in [reader.host for reader in cluster.readers]:
        with closing(open_pooled(cluster, host, socket_timeout=0.3, **moving)) as limited:
            with pytest.raises(QueryTimeoutError):
                execute(limited, driver.engine.sleep.format(20))


def test_closing_does_not_wait_for_a_silent_server(cluster: LocalCluster, open_pooled: Open) -> None:
    connection = open_pooled(cluster, cluster.writer.host, plugins="none", auxiliary_query_timeout_sec=0.5)
    execute(connection, "SELECT 1")
    cluster.writer.proxy.blackhole()
    Background(connection.close).result()
    assert connection.closed


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
def test_closing_does_not_wait_for_a_silent_server_to_close_prepared_statements(
    cluster: LocalCluster, open_pooled: Open
) -> None:
    connection = open_pooled(cluster, cluster.writer.host, plugins="none", auxiliary_query_timeout_sec=0.5)
    cursor = connection.cursor(prepared=True)
    cursor.execute("SELECT %s + 1", (41,))
    assert cursor.fetchall() == [(42,)]
    cluster.writer.proxy.blackhole()
    Background(connection.close).result()
    assert connection.closed


def open_blocking(cluster: LocalCluster, driver: Driver) -> AwsWrapperConnection:
    conninfo = cluster.conninfo(cluster.writer.host)
    return AwsWrapperConnection.connect(driver.connect, conninfo, plugins="none", **driver.arguments)


FORKING = """
    from aws_advanced_python_wrapper.connection_provider import ConnectionProviderManager
    from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider

    def open_pooled():
        return connect(plugins="none", autocommit=False)

    query = words[0]
    ConnectionProviderManager.set_connection_provider(SqlAlchemyPooledConnectionProvider())
    in_use, idle = open_pooled(), open_pooled()
    processes = {ask(in_use, query), ask(idle, query)}
    idle.close()
    child = os.fork()
    if not child:
        signal.alarm(30)
        in_use.close()
        assert ask(open_pooled(), query) not in processes
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert ask(in_use, query) in processes
    in_use.close()
    with open_pooled() as connection:
        assert ask(connection, query) in processes
    print("each has its own")
    """


def test_a_forked_child_uses_none_of_its_parents_connections(cluster: LocalCluster, driver: Driver) -> None:
    words = programs.arguments(cluster.conninfo(cluster.writer.host), driver, driver.engine.process)
    assert program(programs.connecting(FORKING), *words, warnings="ignore") == "each has its own"


@pytest.mark.usefixtures("pools")
def test_what_is_dropped_leaves_no_transaction_open(cluster: LocalCluster, driver: Driver) -> None:
    connection = open_blocking(cluster, driver)
    left = process_of(connection)
    del connection
    eventually(lambda: not at_server(cluster, cluster.writer.name, driver.engine.has_process.format(left)))
