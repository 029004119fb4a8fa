"""Read/write splitting on real servers: which one serves, what is kept open, and what becomes of it in a failover."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg_pool
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.driver.sockets import is_readable
from aws_advanced_python_wrapper.errors import ReadWriteSplittingError
from cluster.drivers import both_engines
from cluster.engines import ENGINES
from cluster.in_loop import InLoop
from cluster.support import (
    Background,
    administrate,
    at_server,
    execute,
    fresh_table,
    instance_of,
    process_of,
    program,
    true_writer,
    value,
)
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import FailoverKind
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = both_engines

ALONE: dict[str, Any] = {"plugins": "read_write_splitting", "topology_refresh_ms": 200}
WITH_FAILOVER: dict[str, Any] = {**ALONE, "plugins": "read_write_splitting,failover"}

# A name by which a test of psycopg's pool finds the backends of its own connections.
NAMED: dict[str, Any] = {"application_name": "splitting", "topology-monitoring-application_name": "monitor"}
BACKENDS = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = 'splitting'"


def readers(cluster: LocalCluster) -> set[str]:
    return {instance.name for instance in cluster.readers}


def backends(cluster: LocalCluster) -> int:
    running = [instance.name for instance in cluster.instances if instance.state == "running"]
    return sum(at_server(cluster, name, BACKENDS) for name in running)


def place_of(connection: Any) -> tuple[str, int]:
    """Return the instance, and the process or thread there, that serve a connection."""
    return instance_of(connection), process_of(connection)


def is_there(cluster: LocalCluster, place: tuple[str, int]) -> bool:
    instance, process = place
    return bool(at_server(cluster, instance, ENGINES[cluster.settings.engine].has_process.format(process)))


def end(cluster: LocalCluster, place: tuple[str, int]) -> None:
    """Have an instance end the process of a connection."""
    with closing(cluster.connect_directly(place[0])) as direct:
        execute(direct, ENGINES[cluster.settings.engine].end_process.format(place[1]))
    eventually(lambda: not is_there(cluster, place))


def fail_with(error: type[Exception]) -> None:
    raise error


@pytest.mark.parametrize("autocommit", [True, False])
def test_reads_are_served_by_a_reader_and_writes_by_the_writer(
    cluster: LocalCluster, connect: Connect, autocommit: bool
) -> None:
    table = fresh_table(cluster, "moves")
    connection: Any = connect(cluster, autocommit=autocommit, **ALONE)
    for number in range(3):
        execute(connection, f"INSERT INTO {table} VALUES ({number})")
        connection.commit()
        connection.read_only = True
        assert connection.read_only is True
        assert instance_of(connection) in readers(cluster)
        connection.rollback()
        connection.read_only = False
        assert connection.read_only is False
        assert instance_of(connection) == true_writer(cluster)
        connection.rollback()
    assert value(connection, f"SELECT count(*) FROM {table}") == 3


def test_moving_often_opens_nothing_and_closing_closes_both_sides(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **WITH_FAILOVER)
    places: dict[bool, set[tuple[str, int]]] = {True: set(), False: set()}
    for read_only in [True, False] * 50:
        connection.read_only = read_only
        places[read_only].add(place_of(connection))
    (reading,), (writing,) = places.values()
    assert is_there(cluster, reading)
    assert is_there(cluster, writing)
    connection.close()
    eventually(lambda: not (is_there(cluster, reading) or is_there(cluster, writing)))


@pytest.mark.parametrize("reading", [True, False])
def test_a_block_closes_both_sides(cluster: LocalCluster, connect: Connect, reading: bool) -> None:
    places = set()
    with connect(cluster, **ALONE) as connection:
        for read_only in (True, False, True, False)[: 3 if reading else 4]:
            connection.read_only = read_only
            places.add(place_of(connection))
        assert len(places) == 2
    eventually(lambda: not any(is_there(cluster, place) for place in places))


def test_round_robin_spreads_connections_over_readers(cluster: LocalCluster, connect: Connect) -> None:
    served = []
    for _ in range(4):
        connection = connect(cluster, reader_host_selector_strategy="round_robin", **ALONE)
        connection.read_only = True
        served.append(instance_of(connection))
    assert set(served) == readers(cluster)
    assert served[:2] == served[2:]


def test_from_the_reader_endpoint_to_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, cluster.reader_endpoint, **ALONE)
    first = instance_of(connection)
    connection.read_only = True
    assert instance_of(connection) == first
    connection.read_only = None
    assert connection.read_only is None
    assert instance_of(connection) == true_writer(cluster)


def test_a_dead_reader_is_passed_over_and_the_writer_serves_when_none_is_left(
    cluster: LocalCluster, connect: Connect
) -> None:
    first, second = (instance.name for instance in cluster.readers)
    connections: list[Any] = [connect(cluster, **ALONE) for _ in range(5)]
    cluster.kill(first)
    for connection in connections:
        connection.read_only = True
        assert instance_of(connection) == second
        connection.read_only = False
    cluster.kill(second)
    for connection in connections:
        connection.read_only = True
        assert instance_of(connection) == true_writer(cluster)
    cluster.start_instance(first)
    for connection in connections:
        connection.read_only = True
        assert instance_of(connection) == first


def test_the_reader_in_use_dies(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    first = instance_of(connection)
    (second,) = readers(cluster) - {first}
    cluster.kill(first)
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert instance_of(connection) == second
    cluster.kill(second)
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert instance_of(connection) == true_writer(cluster)
    connection.read_only = False
    assert instance_of(connection) == true_writer(cluster)
    cluster.start_instance(second)
    connection.read_only = True
    assert instance_of(connection) == second


@pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])
def test_the_writer_fails_over_while_it_idles(cluster: LocalCluster, connect: Connect, kind: FailoverKind) -> None:
    table = fresh_table(cluster, "idle_writer")
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    (other,) = readers(cluster) - {instance_of(connection)}
    cluster.failover(to=other, kind=kind)
    with suppress(FailoverSuccessError):  # readers restart too
        instance_of(connection)
    connection.read_only = False
    execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert instance_of(connection) == true_writer(cluster) == other


def test_the_reader_in_use_becomes_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    promoted = instance_of(connection)
    cluster.failover(to=promoted)
    with suppress(FailoverSuccessError):
        instance_of(connection)
    connection.read_only = True
    assert instance_of(connection) in readers(cluster)
    connection.read_only = False
    assert instance_of(connection) == true_writer(cluster) == promoted


def test_the_writer_is_lost_while_in_use(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    connection.read_only = True
    kept = place_of(connection)
    connection.read_only = False
    cluster.failover(kind="crash")
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    cluster.wait_settled()
    assert not is_there(cluster, kept)
    assert instance_of(connection) == true_writer(cluster)
    connection.read_only = True
    assert instance_of(connection) in readers(cluster)


def test_inside_a_transaction_the_connection_stays(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    begin = driver.engine.begin
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    execute(connection, begin)
    with pytest.raises(driver.module.ProgrammingError):
        connection.read_only = True
    assert instance_of(connection) == true_writer(cluster)
    connection.commit()
    connection.read_only = True
    execute(connection, begin)
    serving = instance_of(connection)
    with pytest.raises(ReadWriteSplittingError, match="Commit or roll back first") as caught:
        connection.read_only = False
    assert isinstance(caught.value, driver.module.InterfaceError)
    assert caught.value.sqlstate == "25001"
    assert instance_of(connection) == serving
    connection.rollback()
    connection.read_only = False
    assert instance_of(connection) == true_writer(cluster)


def test_a_transaction_on_a_reader_that_dies_is_told_of(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection: Any = connect(cluster, autocommit=False, **WITH_FAILOVER)
    connection.read_only = True
    execute(connection, driver.engine.begin)
    serving = instance_of(connection)
    cluster.kill(serving)
    with pytest.raises(TransactionResolutionUnknownError):
        execute(connection, "SELECT 1")
    connection.read_only = False
    assert instance_of(connection) == true_writer(cluster)


@pytest.mark.drivers("postgresql")
def test_a_copy_and_a_pipeline_in_progress_keep_the_connection(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **ALONE)
    connection.read_only = True
    serving = instance_of(connection)
    with connection.cursor().copy("COPY (SELECT generate_series(1, 3)) TO STDOUT") as copy:
        copy.read()
        with pytest.raises(ReadWriteSplittingError):
            connection.read_only = False
        while copy.read():
            pass
    with connection.pipeline(), pytest.raises(ReadWriteSplittingError):
        connection.read_only = False
    assert instance_of(connection) == serving


@pytest.mark.drivers("postgresql")
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


@pytest.mark.drivers("postgresql")
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


def test_a_side_whose_process_was_ended_is_replaced(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, **ALONE)
    connection.read_only = True
    before = place_of(connection)
    connection.read_only = False
    end(cluster, before)
    connection.read_only = True
    assert instance_of(connection) in readers(cluster)
    assert place_of(connection) != before


def test_no_writer_is_an_error_and_the_reader_goes_on(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, failover_timeout_sec=1, **ALONE)
    connection.read_only = True
    serving = instance_of(connection)
    cluster.writer.proxy.refuse()
    cluster.writer.proxy.reset()
    began = time.monotonic()
    with pytest.raises(ReadWriteSplittingError, match=f"stays on {serving}"):
        connection.read_only = False
    assert time.monotonic() - began >= 1
    assert connection.read_only is True
    assert instance_of(connection) == serving


# Blocks


def test_blocks_on_a_reader_and_on_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "blocks")
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    writer = true_writer(cluster)
    with connection.reader() as reading:
        assert instance_of(reading) in readers(cluster)
    assert connection.read_only is None
    assert instance_of(connection) == writer
    connection.rollback()
    connection.read_only = True
    with connection.writer():
        execute(connection, f"INSERT INTO {table} VALUES (1)")
    assert connection.read_only is True
    assert instance_of(connection) in readers(cluster)
    assert at_server(cluster, writer, f"SELECT count(*) FROM {table}") == 1


def test_an_error_in_a_block_rolls_back_and_moves_back(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    table = fresh_table(cluster, "block_errors")
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    connection.read_only = True
    with pytest.raises(ZeroDivisionError), connection.writer():  # noqa: PT012
        execute(connection, f"INSERT INTO {table} VALUES (1)")
        fail_with(ZeroDivisionError)
    with pytest.raises(driver.module.ProgrammingError), connection.writer():
        execute(connection, "SELEKT")
    assert instance_of(connection) in readers(cluster)
    assert at_server(cluster, true_writer(cluster), f"SELECT count(*) FROM {table}") == 0


def test_blocks_inside_blocks(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection: Any = connect(cluster, autocommit=False, **ALONE)
    writer = true_writer(cluster)
    with connection.reader():
        with connection.writer():
            assert instance_of(connection) == writer
        assert instance_of(connection) in readers(cluster)
        execute(connection, driver.engine.begin)
        with connection.reader():  # the transaction that is open goes on
            assert instance_of(connection) in readers(cluster)
        with pytest.raises(ReadWriteSplittingError), connection.writer():
            pass
    assert instance_of(connection) == writer


def test_a_block_from_the_reader_endpoint_ends_where_it_began(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, cluster.reader_endpoint, **ALONE)
    first = instance_of(connection)
    with connection.reader():
        assert instance_of(connection) == first
    assert instance_of(connection) == first
    with connection.writer():
        assert instance_of(connection) == true_writer(cluster)
    assert instance_of(connection) == first
    assert connection.read_only is None


@pytest.mark.drivers("postgresql")
def test_transactions_one_by_one(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "routed")
    connection: Any = connect(cluster, **ALONE)
    for number in range(2):
        with connection.transaction(read_only=True) as transaction:
            assert transaction.connection is connection
            assert instance_of(connection) in readers(cluster)
            assert value(connection, "SHOW transaction_read_only") == "on"
        with connection.transaction(read_only=False):
            execute(connection, f"INSERT INTO {table} VALUES ({number})")
            with connection.transaction(read_only=False, force_rollback=True):
                execute(connection, f"INSERT INTO {table} VALUES (100)")
            with pytest.raises(ReadWriteSplittingError), connection.transaction(read_only=True):
                pass
            with connection.transaction():
                assert instance_of(connection) == true_writer(cluster)
    assert connection.read_only is None
    assert value(connection, f"SELECT count(*) FROM {table}") == 2


@pytest.mark.drivers("postgresql")
def test_transactions_that_fail_or_are_rolled_back_move_back(cluster: LocalCluster, connect: Connect) -> None:
    table = fresh_table(cluster, "routed_errors")
    connection: Any = connect(cluster, **ALONE)
    connection.read_only = True
    with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction(read_only=False):
        execute(connection, f"INSERT INTO {table} VALUES (1), (1)")
    assert instance_of(connection) in readers(cluster)
    with connection.transaction(read_only=False):
        execute(connection, f"INSERT INTO {table} VALUES (1)")
        fail_with(psycopg.Rollback)
    assert instance_of(connection) in readers(cluster)
    assert at_server(cluster, true_writer(cluster), f"SELECT count(*) FROM {table}") == 0


def test_a_failover_inside_a_block_is_the_programs_to_see_and_the_block_moves_back(
    cluster: LocalCluster, connect: Connect
) -> None:
    connection: Any = connect(cluster, **WITH_FAILOVER)
    with pytest.raises(FailoverSuccessError), connection.reader():  # noqa: PT012
        cluster.kill(instance_of(connection))
        execute(connection, "SELECT 1")
    assert instance_of(connection) == true_writer(cluster)
    assert connection.read_only is None


def test_without_the_plugin_blocks_only_set_read_only(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection: Any = connect(cluster, plugins="failover", autocommit=False)
    for read_only in (True, False):
        with connection.reader() if read_only else connection.writer():
            assert connection.read_only is read_only
            assert instance_of(connection) == true_writer(cluster)
            assert is_on(value(connection, driver.engine.transaction_read_only)) is read_only
    assert connection.read_only is None


def is_on(value: Any) -> bool:
    return value in {"on", 1}


@pytest.mark.drivers("postgresql")
def test_without_the_plugin_transactions_only_are_read_only(cluster: LocalCluster, connect: Connect) -> None:
    connection: Any = connect(cluster, plugins="failover")
    with connection.transaction(read_only=True):
        assert value(connection, "SHOW transaction_read_only") == "on"


# Company


def test_the_host_that_serves_is_the_one_that_is_monitored(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection: Any = connect(
        cluster,
        failure_detection_time_ms=500,
        failure_detection_interval_ms=200,
        failure_detection_count=2,
        **{**WITH_FAILOVER, "plugins": "read_write_splitting,failover,host_monitoring"},
    )
    connection.read_only = True
    serving = instance_of(connection)
    sleeping = Background(execute, connection, driver.engine.sleep.format(600))
    eventually(lambda: connection._session.running)
    cluster.pause(serving)
    with pytest.raises(FailoverSuccessError):
        sleeping.result()
    cluster.resume(serving)
    assert instance_of(connection) in readers(cluster) - {serving}


def test_threads_with_connections_of_their_own(cluster: LocalCluster, connect: Connect) -> None:
    wrong: list[str] = []
    writer, others = true_writer(cluster), readers(cluster)

    def flip(connection: Any) -> None:
        for read_only in [True, False] * 20:
            connection.read_only = read_only
            if instance_of(connection) not in (others if read_only else {writer}):
                wrong.append(threading.current_thread().name)

    tasks = [Background(flip, connect(cluster, **ALONE)) for _ in range(8)]
    for task in tasks:
        task.result()
    assert wrong == []


@pytest.mark.drivers("postgresql")
def test_a_pool_lends_connections_that_move(cluster: LocalCluster) -> None:
    connection_class: Any = AwsWrapperConnection

    def to_the_writer(connection: Any) -> None:
        connection.read_only = False

    with psycopg_pool.ConnectionPool(
        cluster.conninfo(),
        connection_class=connection_class,
        kwargs={**WITH_FAILOVER, **NAMED, "autocommit": True},
        min_size=1,
        max_size=1,
        reset=to_the_writer,
        close_returns=True,
    ) as pool:
        pids = set()
        for _ in range(3):
            with pool.connection() as connection:
                assert instance_of(connection) == true_writer(cluster)
                connection.read_only = True
                assert instance_of(connection) in readers(cluster)
                pids.add(process_of(connection))
            lent = pool.getconn()
            lent.read_only = True
            lent.close()
        assert len(pids) == 1
        assert pool.get_stats()["connections_num"] == 1
        assert backends(cluster) == 2
    eventually(lambda: backends(cluster) == 0)


FORK = """
    import os, signal, sys
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
        signal.alarm(30)
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


@pytest.mark.drivers("postgresql")
def test_a_forked_child_leaves_its_parents_connections_alone(cluster: LocalCluster) -> None:
    assert program(FORK, cluster.conninfo()) == "done"


def test_a_block_as_a_decorator_makes_each_call_in_a_block_of_its_own(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **ALONE)
    if isinstance(connection, InLoop):  # there a decorated function is a coroutine
        pytest.skip("of the blocking flavour")

    @connection.reader()
    def serving() -> Any:
        return instance_of(connection)

    for _ in range(2):
        assert serving() in readers(cluster)
        assert instance_of(connection) == true_writer(cluster)


@pytest.mark.drivers("postgresql")
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
        execute(connection, "SELECT 1")
        assert [notice.payload for notice in received] == ["something"]
        administrate(cluster, f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        eventually(lambda: adapter.is_dropped(connection))
        assert adapter.is_dropped(connection)


@pytest.mark.drivers("postgresql")
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
