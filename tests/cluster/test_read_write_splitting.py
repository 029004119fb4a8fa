"""Read/write splitting on real servers: which one serves, what is kept open, and what becomes of it in a failover."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg_pool
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.driver.psycopg import PsycopgAdapter
from aws_advanced_python_wrapper.driver.sockets import is_readable
from aws_advanced_python_wrapper.errors import ReadWriteSplittingError
from cluster.in_loop import InLoop
from cluster.support import (
    WHO,
    Background,
    administrate,
    at_server,
    eventually,
    fresh_table,
    program,
    true_writer,
    value,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.support import Connect

ALONE: dict[str, Any] = {
    "plugins": "read_write_splitting",
    "topology_refresh_ms": 200,
    "topology-monitoring-application_name": "monitor",
}
WITH_FAILOVER: dict[str, Any] = {**ALONE, "plugins": "read_write_splitting,failover"}
PID = "SELECT pg_catalog.pg_backend_pid()"

# A name by which a test finds the backends of its own connections.
APPLICATION = "splitting"
BACKENDS = f"SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = '{APPLICATION}'"


def readers(cluster: LocalCluster) -> set[str]:
    return {instance.name for instance in cluster.readers}


def backends(cluster: LocalCluster) -> int:
    running = [instance.name for instance in cluster.instances if instance.state == "running"]
    return sum(at_server(cluster, name, BACKENDS) for name in running)


def fail_with(error: type[Exception]) -> None:
    raise error


@pytest.mark.parametrize("autocommit", [True, False])
def test_reads_are_served_by_a_reader_and_writes_by_the_writer(
    cluster: LocalCluster, connect: Connect, autocommit: bool
) -> None:
    table = fresh_table(cluster, "moves")
    connection: Any = connect(cluster, autocommit=autocommit, **ALONE)
    for number in range(3):
        connection.execute(f"INSERT INTO {table} VALUES ({number})")
        connection.commit()
        connection.read_only = True
        assert connection.read_only is True
        assert value(connection, WHO) in readers(cluster)
        connection.rollback()
        connection.read_only = False
        assert connection.read_only is False
        assert value(connection, WHO) == true_writer(cluster)
        connection.rollback()
    assert value(connection, f"SELECT count(*) FROM {table}") == 3


def test_moving_often_opens_nothing_and_closing_closes_both_sides(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, application_name=APPLICATION, **WITH_FAILOVER)
    pids: dict[bool, set[int]] = {True: set(), False: set()}
    for read_only in [True, False] * 100:
        connection.read_only = read_only
        pids[read_only].add(value(connection, PID))
    assert [len(seen) for seen in pids.values()] == [1, 1]
    assert backends(cluster) == 2
    connection.close()
    eventually(lambda: backends(cluster) == 0)


@pytest.mark.parametrize("reading", [True, False])
def test_a_block_closes_both_sides(cluster: LocalCluster, connect: Connect, reading: bool) -> None:
    with connect(cluster, application_name=APPLICATION, **ALONE) as connection:
        for read_only in (True, False, True, False)[: 3 if reading else 4]:
            connection.read_only = read_only
        assert backends(cluster) == 2
    eventually(lambda: backends(cluster) == 0)


def test_round_robin_spreads_connections_over_readers(cluster: LocalCluster, connect: Connect) -> None:
    served = []
    for _ in range(4):
        connection = connect(cluster, reader_host_selector_strategy="round_robin", **ALONE)
        connection.read_only = True
        served.append(value(connection, WHO))
    assert set(served) == readers(cluster)
    assert served[:2] == served[2:]


def test_from_the_reader_endpoint_to_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, cluster.reader_endpoint, **ALONE)
    first = value(connection, WHO)
    connection.read_only = True
    assert value(connection, WHO) == first
    connection.read_only = None
    assert connection.read_only is None
    assert value(connection, WHO) == true_writer(cluster)


def test_a_dead_reader_is_passed_over_and_the_writer_serves_when_none_is_left(
    cluster: LocalCluster, connect: Connect
) -> None:
    first, second = (instance.name for instance in cluster.readers)
    connections: list[Any] = [connect(cluster, **ALONE) for _ in range(5)]
    cluster.kill(first)
    for connection in connections:
        connection.read_only = True
        assert value(connection, WHO) == second
        connection.read_only = False
    cluster.kill(second)
    for connection in connections:
        connection.read_only = True
        assert value(connection, WHO) == true_writer(cluster)
    cluster.start_instance(first)
    for connection in connections:
        connection.read_only = True
        assert value(connection, WHO) == first


def test_the_reader_in_use_dies(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    first = value(connection, WHO)
    (second,) = readers(cluster) - {first}
    cluster.kill(first)
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, WHO) == second
    cluster.kill(second)
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, WHO) == true_writer(cluster)
    connection.read_only = False
    assert value(connection, WHO) == true_writer(cluster)
    cluster.start_instance(second)
    connection.read_only = True
    assert value(connection, WHO) == second


@pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])
def test_the_writer_fails_over_while_it_idles(cluster: LocalCluster, connect: Connect, kind: FailoverKind) -> None:
    table = fresh_table(cluster, "idle_writer")
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    (other,) = readers(cluster) - {value(connection, WHO)}
    cluster.failover(to=other, kind=kind)
    with suppress(FailoverSuccessError):  # readers restart too
        value(connection, WHO)
    connection.read_only = False
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert value(connection, WHO) == true_writer(cluster) == other


def test_the_reader_in_use_becomes_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    promoted = value(connection, WHO)
    cluster.failover(to=promoted)
    with suppress(FailoverSuccessError):
        value(connection, WHO)
    connection.read_only = True
    assert value(connection, WHO) in readers(cluster)
    connection.read_only = False
    assert value(connection, WHO) == true_writer(cluster) == promoted


def test_the_writer_is_lost_while_in_use(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, application_name=APPLICATION, **WITH_FAILOVER)
    connection.read_only = True
    connection.read_only = False
    cluster.failover(kind="crash")
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    cluster.wait_settled()
    assert backends(cluster) == 1  # what was kept beside it is gone
    assert value(connection, WHO) == true_writer(cluster)
    connection.read_only = True
    assert value(connection, WHO) in readers(cluster)


def test_inside_a_transaction_the_connection_stays(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    connection.execute("SELECT 1")
    with pytest.raises(psycopg.ProgrammingError, match="read_only"):
        connection.read_only = True
    assert value(connection, WHO) == true_writer(cluster)
    connection.commit()
    connection.read_only = True
    serving = value(connection, WHO)
    with pytest.raises(ReadWriteSplittingError, match="Commit or roll back first") as caught:
        connection.read_only = False
    assert isinstance(caught.value, psycopg.InterfaceError)
    assert caught.value.sqlstate == "25001"
    assert value(connection, WHO) == serving
    connection.rollback()
    connection.read_only = False
    assert value(connection, WHO) == true_writer(cluster)


def test_a_transaction_on_a_reader_that_dies_is_told_of(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False, **WITH_FAILOVER)
    connection.read_only = True
    serving = value(connection, WHO)
    cluster.kill(serving)
    with pytest.raises(TransactionResolutionUnknownError):
        connection.execute("SELECT 1")
    connection.read_only = False
    assert value(connection, WHO) == true_writer(cluster)


def test_a_copy_and_a_pipeline_in_progress_keep_the_connection(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **ALONE)
    connection.read_only = True
    serving = value(connection, WHO)
    with connection.cursor().copy("COPY (SELECT generate_series(1, 3)) TO STDOUT") as copy:
        copy.read()
        with pytest.raises(ReadWriteSplittingError):
            connection.read_only = False
        while copy.read():
            pass
    with connection.pipeline(), pytest.raises(ReadWriteSplittingError):
        connection.read_only = False
    assert value(connection, WHO) == serving


def test_cursors_of_the_side_that_is_left_end_and_say_so(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **ALONE)
    plain = connection.execute("SELECT generate_series(1, 3)")
    held = connection.cursor("held", withhold=True)
    with connection.transaction():
        held.execute("SELECT generate_series(1, 1000)")
    connection.read_only = True
    for cursor in (plain, held):
        with pytest.raises(psycopg.InterfaceError, match=r"moved from .* to .*Open a new cursor"):
            cursor.fetchone()
        cursor.close()
    connection.read_only = False
    assert value(connection, "SELECT count(*) FROM pg_catalog.pg_cursors") == 0


def test_what_the_program_has_set_moves_along(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.row_factory = psycopg.rows.dict_row
    connection.set_schema("app")
    for read_only in (True, False, True):
        connection.read_only = read_only
        row = connection.execute("SELECT current_setting('transaction_isolation') AS level").fetchone()
        assert row == {"level": "repeatable read"}
        assert value(connection, "SHOW search_path") == '"app"'
        assert value(connection, "SHOW transaction_read_only") == ("on" if read_only else "off")
        connection.rollback()


def test_a_side_whose_backend_was_ended_is_replaced(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **ALONE)
    connection.read_only = True
    reader, pid = value(connection, WHO), value(connection, PID)
    connection.read_only = False
    assert at_server(cluster, reader, f"SELECT pg_terminate_backend({pid})")
    eventually(lambda: at_server(cluster, reader, f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == 0)
    connection.read_only = True
    assert value(connection, WHO) in readers(cluster)
    assert value(connection, PID) != pid


def test_no_writer_is_an_error_and_the_reader_goes_on(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, failover_timeout_sec=1, **ALONE)
    connection.read_only = True
    serving = value(connection, WHO)
    cluster.writer.proxy.refuse()
    cluster.writer.proxy.reset()
    began = time.monotonic()
    with pytest.raises(ReadWriteSplittingError, match=f"stays on {serving}"):
        connection.read_only = False
    assert time.monotonic() - began >= 1
    assert connection.read_only is True
    assert value(connection, WHO) == serving


# Blocks


def test_blocks_on_a_reader_and_on_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "blocks")
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    writer = true_writer(cluster)
    with connection.reader() as reading:
        assert reading.execute(WHO).fetchone()[0] in readers(cluster)
    assert connection.read_only is None
    assert value(connection, WHO) == writer
    connection.rollback()
    connection.read_only = True
    with connection.writer():
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert connection.read_only is True
    assert value(connection, WHO) in readers(cluster)
    assert at_server(cluster, writer, f"SELECT count(*) FROM {table}") == 1


def test_an_error_in_a_block_rolls_back_and_moves_back(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "block_errors")
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    connection.read_only = True
    with pytest.raises(ZeroDivisionError), connection.writer():  # noqa: PT012
        connection.execute(f"INSERT INTO {table} VALUES (1)")
        fail_with(ZeroDivisionError)
    with pytest.raises(psycopg.errors.SyntaxError), connection.writer():
        connection.execute("SELEKT")
    assert value(connection, WHO) in readers(cluster)
    assert at_server(cluster, true_writer(cluster), f"SELECT count(*) FROM {table}") == 0


def test_blocks_inside_blocks(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    writer = true_writer(cluster)
    with connection.reader():
        with connection.writer():
            assert value(connection, WHO) == writer
        assert value(connection, WHO) in readers(cluster)
        with connection.reader():  # the transaction that is open goes on
            assert value(connection, WHO) in readers(cluster)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        with pytest.raises(ReadWriteSplittingError), connection.writer():
            pass
    assert value(connection, WHO) == writer


def test_a_block_from_the_reader_endpoint_ends_where_it_began(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, cluster.reader_endpoint, **ALONE)
    first = value(connection, WHO)
    with connection.reader():
        assert value(connection, WHO) == first
    assert value(connection, WHO) == first
    with connection.writer():
        assert value(connection, WHO) == true_writer(cluster)
    assert value(connection, WHO) == first
    assert connection.read_only is None


def test_transactions_one_by_one(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "routed")
    connection: Any = connect(cluster, **ALONE)
    for number in range(2):
        with connection.transaction(read_only=True) as transaction:
            assert transaction.connection is connection
            assert value(connection, WHO) in readers(cluster)
            assert value(connection, "SHOW transaction_read_only") == "on"
        with connection.transaction(read_only=False):
            connection.execute(f"INSERT INTO {table} VALUES ({number})")
            with connection.transaction(read_only=False, force_rollback=True):
                connection.execute(f"INSERT INTO {table} VALUES (100)")
            with pytest.raises(ReadWriteSplittingError), connection.transaction(read_only=True):
                pass
            with connection.transaction():
                assert value(connection, WHO) == true_writer(cluster)
    assert connection.read_only is None
    assert value(connection, f"SELECT count(*) FROM {table}") == 2


def test_transactions_that_fail_or_are_rolled_back_move_back(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "routed_errors")
    connection: Any = connect(cluster, **ALONE)
    connection.read_only = True
    with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction(read_only=False):
        connection.execute(f"INSERT INTO {table} VALUES (1), (1)")
    assert value(connection, WHO) in readers(cluster)
    with connection.transaction(read_only=False):
        connection.execute(f"INSERT INTO {table} VALUES (1)")
        fail_with(psycopg.Rollback)
    assert value(connection, WHO) in readers(cluster)
    assert at_server(cluster, true_writer(cluster), f"SELECT count(*) FROM {table}") == 0


def test_a_failover_inside_a_block_is_the_programs_to_see_and_the_block_moves_back(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    with pytest.raises(FailoverSuccessError), connection.reader():  # noqa: PT012
        cluster.kill(value(connection, WHO))
        connection.execute("SELECT 1")
    assert value(connection, WHO) == true_writer(cluster)
    assert connection.read_only is None


def test_without_the_plugin_blocks_only_set_read_only(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="failover")
    with connection.reader():
        assert connection.read_only
        assert value(connection, WHO) == true_writer(cluster)
    assert not connection.read_only
    with connection.transaction(read_only=True):
        assert value(connection, "SHOW transaction_read_only") == "on"


# Company


def test_the_host_that_serves_is_the_one_that_is_monitored(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(
        cluster,
        failure_detection_time_ms=500,
        failure_detection_interval_ms=200,
        failure_detection_count=2,
        **{**WITH_FAILOVER, "plugins": "read_write_splitting,failover,host_monitoring"},
    )
    connection.read_only = True
    serving = value(connection, WHO)
    sleeping = Background(connection.execute, "SELECT pg_sleep(600)")
    eventually(lambda: connection._session.running)
    cluster.pause(serving)
    with pytest.raises(FailoverSuccessError):
        sleeping.result()
    cluster.resume(serving)
    assert value(connection, WHO) in readers(cluster) - {serving}


def test_threads_with_connections_of_their_own(cluster: LocalCluster, connect: Connect) -> None:
    wrong: list[str] = []
    writer, others = true_writer(cluster), readers(cluster)

    def flip(connection: Any) -> None:
        for read_only in [True, False] * 20:
            connection.read_only = read_only
            if value(connection, WHO) not in (others if read_only else {writer}):
                wrong.append(threading.current_thread().name)

    tasks = [Background(flip, connect(cluster, **ALONE)) for _ in range(8)]
    for task in tasks:
        task.result()
    assert wrong == []


def test_a_pool_lends_connections_that_move(cluster: LocalCluster) -> None:
    connection_class: Any = AwsWrapperConnection

    def to_the_writer(connection: Any) -> None:
        connection.read_only = False

    with psycopg_pool.ConnectionPool(
        cluster.conninfo(application_name=APPLICATION),
        connection_class=connection_class,
        kwargs={**WITH_FAILOVER, "autocommit": True},
        min_size=1,
        max_size=1,
        reset=to_the_writer,
        close_returns=True,
    ) as pool:
        pids = set()
        for _ in range(3):
            with pool.connection() as connection:
                assert value(connection, WHO) == true_writer(cluster)
                connection.read_only = True
                assert value(connection, WHO) in readers(cluster)
                pids.add(value(connection, PID))
            lent = pool.getconn()
            lent.read_only = True
            lent.close()
        assert len(pids) == 1
        assert pool.get_stats()["connections_num"] == 1
        assert backends(cluster) == 2
    eventually(lambda: backends(cluster) == 0)


FORK = """
    import os, sys
    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection
    writes = AwsWrapperConnection.connect(
        psycopg.Connection.connect, sys.argv[1], plugins="read_write_splitting", autocommit=True
    )
    pid = lambda: writes.execute("SELECT pg_backend_pid()").fetchone()[0]
    writer = pid()
    writes.read_only = True
    reader = pid()
    child = os.fork()
    if child == 0:
        # The child may only move: the connection that serves is its parent's, as with psycopg.
        for read_only in (False, True):
            writes.read_only = read_only
            assert pid() not in (writer, reader)
        writes.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writes.read_only = False
    assert pid() == writer
    writes.read_only = True
    assert pid() == reader
    writes.close()
    print("done")
"""


def test_a_forked_child_leaves_its_parents_connections_alone(cluster: LocalCluster) -> None:
    assert program(FORK, cluster.conninfo()) == "done"


def test_a_block_as_a_decorator_makes_each_call_in_a_block_of_its_own(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **ALONE)
    if isinstance(connection, InLoop):  # there a decorated function is a coroutine
        pytest.skip("of the blocking flavour")

    @connection.reader()
    def serving() -> Any:
        return value(connection, WHO)

    for _ in range(2):
        assert serving() in readers(cluster)
        assert value(connection, WHO) == true_writer(cluster)


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_only_what_the_server_has_closed_counts_as_dropped(cluster: LocalCluster, sslmode: str) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    with psycopg.connect(cluster.conninfo(sslmode=sslmode), autocommit=True) as connection:
        assert (connection.pgconn.ssl_in_use, adapter.is_dropped(connection)) == (sslmode == "require", False)
        connection.execute("LISTEN news")
        administrate(cluster, "NOTIFY news, 'something'")
        eventually(lambda: is_readable(connection.pgconn.socket))
        assert not adapter.is_dropped(connection)
        received: list[psycopg.Notify] = []
        connection.add_notify_handler(received.append)
        connection.execute("SELECT 1")
        assert [notice.payload for notice in received] == ["something"]
        administrate(cluster, f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        eventually(lambda: adapter.is_dropped(connection))
        assert adapter.is_dropped(connection)


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_what_is_abandoned_stays_open_at_its_server(cluster: LocalCluster, sslmode: str) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    connection = psycopg.connect(cluster.conninfo(sslmode=sslmode), autocommit=True)
    there = os.dup(connection.pgconn.socket)  # as a parent's
    pid = connection.info.backend_pid
    adapter.abandon(connection)
    assert connection.closed
    alive = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"
    assert at_server(cluster, cluster.writer.name, alive) == 1
    os.close(there)
    eventually(lambda: at_server(cluster, cluster.writer.name, alive) == 0)
