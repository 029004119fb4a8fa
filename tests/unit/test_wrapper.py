from __future__ import annotations

import gc
import inspect
import time
import weakref
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, AwsWrapperCursor
from aws_advanced_python_wrapper import psycopg as our_psycopg
from aws_advanced_python_wrapper.errors import (
    AwsWrapperError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.failover_plugin import FailoverPlugin
from aws_advanced_python_wrapper.testing import (
    FakeCluster,
    FakeConnection,
    FakeCursor,
    FakeNetwork,
    IntegrityError,
    InterfaceError,
    NetworkError,
)
from support.flavours import BlockingFlavour

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


def connect(cluster: FakeCluster, plugins: Any = ("failover",), **settings: Any) -> AwsWrapperConnection:
    flavour = BlockingFlavour()
    return AwsWrapperConnection(
        flavour.run(flavour.connected(cluster.network, cluster.writer_endpoint, plugins, **settings))
    )


@pytest.fixture
def connection(cluster: FakeCluster) -> Any:
    return connect(cluster, password="hush-hush")


# It answers for the driver's objects


def test_connection_and_cursor_pass_for_the_drivers(connection: Any) -> None:
    cursor = connection.cursor()
    assert issubclass(type(connection), AwsWrapperConnection)
    assert issubclass(type(cursor), AwsWrapperCursor)
    assert isinstance(cursor, FakeCursor)
    assert isinstance(connection, FakeConnection)


def test_the_drivers_objects_can_be_had(connection: Any) -> None:
    cursor = connection.cursor()
    assert cursor.target_cursor.connection is connection.target_connection
    assert cursor.connection is connection


def test_what_is_not_ours_is_the_drivers(connection: Any) -> None:
    assert connection.application == "program"
    assert connection.in_transaction == 0
    assert connection.cursor().arraysize == 1
    assert "application" in dir(connection)
    assert "set_read_only" in dir(connection)
    with pytest.raises(AttributeError, match="nonsense"):
        connection.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="nonsense"):
        connection.cursor().nonsense  # noqa: B018


def test_attributes_are_written_through(connection: Any) -> None:
    raw = connection.target_connection
    connection.autocommit = True
    connection.set_read_only(True)
    assert (raw.autocommit, raw.read_only) == (True, True)
    connection.set_autocommit(False)
    assert raw.autocommit is False
    connection.mine = 7
    assert raw.mine == 7
    del connection.mine
    assert not hasattr(raw, "mine")
    cursor = connection.cursor()
    cursor.arraysize = 50
    assert cursor.target_cursor.arraysize == 50


def test_texts_show_no_secret(connection: Any) -> None:
    cursor = connection.cursor()
    assert "db-1" in repr(connection)
    session = connection._session
    for thing in (connection, cursor, session, session.settings, session.cluster):
        assert "hush-hush" not in f"{thing} {thing!r}"


def test_plugins_can_be_reached(connection: Any) -> None:
    assert type(connection._unwrap(FailoverPlugin)) is FailoverPlugin
    assert connection._unwrap(int) is None


@pytest.mark.parametrize(
    ("ours", "drivers"),
    [(AwsWrapperConnection, psycopg.Connection), (AwsWrapperCursor, psycopg.Cursor)],
)
def test_what_we_name_takes_what_psycopg_takes(ours: type, drivers: type) -> None:
    ours_alone = {
        "reader",
        "writer",
        "set_schema",
        "set_role",
        "connect",
        "invalidate",
        "release_resources",
        "is_closed",
        "become_stale",
        "callproc",
        "bind_rows",
    }
    names = {name for base in ours.__mro__ if base.__module__.startswith("aws_") for name in vars(base)}
    for name in names - ours_alone:
        if name.startswith(("_", "target_")):
            continue
        assert hasattr(drivers, name), name


def test_our_psycopg_exports_what_psycopg_does() -> None:
    assert [name for name in psycopg.__all__ if not hasattr(our_psycopg, name)] == []
    assert our_psycopg.OperationalError is psycopg.OperationalError
    assert "connect" in vars(our_psycopg)
    assert all(hasattr(our_psycopg, name) for name in our_psycopg.__all__)


# Calls


def test_statements_and_rows(connection: Any) -> None:
    cursor = connection.cursor()
    assert cursor.execute("SELECT") is cursor
    assert cursor.fetchone() == ("db-1",)
    assert cursor.fetchone() is None
    assert cursor.execute("SELECT", (1,)).fetchall() == [("db-1",)]
    assert cursor.execute("SELECT").fetchmany(5) == [("db-1",)]
    assert list(cursor.execute("SELECT")) == [("db-1",)]
    assert cursor.executemany("INSERT", [(1,), (2,)]) is None
    assert cursor.nextset() is None
    assert connection.execute("SELECT").fetchone() == ("db-1",)
    assert list(cursor.stream("SELECT", "SELECT")) == [("db-1",), ("db-1",)]
    with connection.transaction() as inner:
        inner.execute("INSERT")
    with connection.cursor() as cursor:
        pass
    assert cursor.target_cursor.closed


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "execute": lambda _, cursor: cursor.execute("SELECT"),
    "executemany": lambda _, cursor: cursor.executemany("SELECT", [()]),
    "scroll": lambda _, cursor: cursor.scroll("SELECT"),
    "stream": lambda _, cursor: list(cursor.stream("SELECT")),
    "connection.execute": lambda connection, _: connection.execute("SELECT"),
    "commit": lambda connection, _: connection.commit(),
    "rollback": lambda connection, _: connection.rollback(),
    "tpc_begin": lambda connection, _: connection.tpc_begin("x"),
    "transaction": lambda connection, _: connection.transaction().__enter__(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_call_fails_over(cluster: FakeCluster, connection: Any, call: Callable[[Any, Any], Any]) -> None:
    cursor = connection.cursor()
    cluster.fail_over(2)
    with pytest.raises(FailoverSuccessError):
        call(connection, cursor)
    assert connection.execute("SELECT").fetchone() == ("db-2",)
    assert not connection.closed


def test_what_is_begun_and_lost_is_of_unknown_outcome(cluster: FakeCluster, connection: Any) -> None:
    with pytest.raises(TransactionResolutionUnknownError), connection.transaction():
        cluster.fail_over(2)
    assert connection.execute("SELECT").fetchone() == ("db-2",)


USES: dict[str, Callable[[Any], Any]] = {
    "execute": lambda cursor: cursor.execute("SELECT"),
    "executemany": lambda cursor: cursor.executemany("SELECT", []),
    "fetchone": lambda cursor: cursor.fetchone(),
    "fetchmany": lambda cursor: cursor.fetchmany(3),
    "fetchall": lambda cursor: cursor.fetchall(),
    "iteration": iter,
    "stream": lambda cursor: cursor.stream("SELECT"),
    "nextset": lambda cursor: cursor.nextset(),
    "attribute": lambda cursor: cursor.rowcount,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_old_cursor_says_that_it_has_ended(cluster: FakeCluster, connection: Any, use: Callable[[Any], Any]) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT")
    cluster.fail_over(2)
    with pytest.raises(FailoverSuccessError):
        connection.commit()
    for _ in range(2):
        with pytest.raises(InterfaceError, match=r"This cursor has ended: .*db-1.*db-2.*Open a new cursor"):
            use(cursor)
    assert "lost connection" in repr(cursor)
    cursor.close()
    with connection.cursor() as fresh:
        assert fresh.execute("SELECT").fetchone() == ("db-2",)


# Blocks


@pytest.mark.parametrize(
    ("error", "statements"), [(None, ["INSERT", "COMMIT"]), (IntegrityError("x"), ["INSERT", "ROLLBACK"])], ids=repr
)
def test_a_block_commits_or_rolls_back_and_closes(
    connection: Any, error: Exception | None, statements: list[str]
) -> None:
    raw = connection.target_connection

    def work() -> None:
        with connection as same:
            assert same is connection
            same.execute("INSERT")
            if error:
                raise error

    if error:
        with pytest.raises(IntegrityError) as caught:
            work()
        assert caught.value is error
    else:
        work()
    assert raw.statements == statements
    assert raw.closed
    assert connection.closed


def test_a_block_that_was_closed_inside_ends_in_peace(connection: Any) -> None:
    raw = connection.target_connection
    with connection:
        connection.close()
    assert raw.statements == []


def test_the_error_of_a_block_is_not_hidden_by_a_rollback_that_fails(cluster: FakeCluster, connection: Any) -> None:
    error = IntegrityError("the program's own")

    def work() -> None:
        with connection:
            cluster.fail_over(2)
            raise error

    with pytest.raises(IntegrityError) as caught:
        work()
    assert caught.value is error
    assert connection.closed


def test_a_block_whose_commit_fails_over_says_so_and_is_closed(cluster: FakeCluster, connection: Any) -> None:
    def work() -> None:
        with connection:
            connection.execute("BEGIN")
            cluster.fail_over(2)

    with pytest.raises(TransactionResolutionUnknownError):
        work()
    assert connection.closed


# The end


def test_close_may_be_called_again(connection: Any) -> None:
    assert not connection.closed
    connection.close()
    connection.close()
    connection.release_resources()
    assert connection.closed
    assert connection.is_closed
    with pytest.raises(NetworkError, match="the connection is closed"):
        connection.execute("SELECT")


def test_invalidate_does_not_wait_for_a_frozen_host(cluster: FakeCluster, connection: Any) -> None:
    raw = connection.target_connection
    cluster[1].freeze()
    connection.invalidate()
    assert raw.closed


@pytest.mark.parametrize("failed_over", [False, True])
def test_a_dropped_connection_goes_with_its_last_cursor(cluster: FakeCluster, failed_over: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        connection: Any = connect(cluster)
        cursor = connection.cursor()
        if failed_over:
            cluster.fail_over(2)
            with pytest.raises(FailoverSuccessError):
                cursor.execute("SELECT")
            with pytest.raises(InterfaceError):
                cursor.execute("SELECT")
        session = weakref.ref(connection._session)
        del connection
        assert session() is not None
        del cursor
        deadline = time.monotonic() + 2
        while session() is not None:  # the monitor may just be counting the members of the cluster
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        gc.enable()


# Opening


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((), {}, "connect function first"),
        ((print,), {}, "is not known; supported: aiomysql, mysql.connector, psycopg"),
        ((psycopg.Connection.connect,), {}, "No host"),
        ((psycopg.Connection.connect, "host=x hots=y"), {}, "did you mean 'host'"),
        ((psycopg.Connection.connect, "host=x"), {"plugins": "failovr"}, "did you mean 'failover'"),
        ((psycopg.Connection.connect, "host=x"), {"wrapper_dialect": "aurora"}, "did you mean 'aurora-pg'"),
        ((psycopg.Connection.connect, "host=x"), {"wrapper_driver_dialect": "psycop"}, "did you mean 'psycopg'"),
        ((psycopg.Connection.connect, "host=x"), {"failover_timeout_sec": -1}, "failover_timeout_sec"),
    ],
)
def test_a_mistake_in_the_arguments_is_told_before_anything_is_connected(
    arguments: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        AwsWrapperConnection.connect(*arguments, **settings)


def test_connect_is_a_plain_function_that_hands_on_further_arguments() -> None:
    signature = inspect.signature(cast("Any", AwsWrapperConnection.connect))
    assert list(signature.parameters)[:2] == ["target", "conninfo"]
