"""What stands for the driver's objects: which calls are watched where, and what the program gets into its hands."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.errors import FailoverSuccessError, TransactionResolutionUnknownError
from aws_advanced_python_wrapper.testing import (
    FakeCluster,
    FakeConnection,
    FakeCursor,
    FakeNetwork,
    FakePipeline,
    IntegrityError,
)
from support.flavours import BlockingFlavour

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


@pytest.fixture
def connection(cluster: FakeCluster) -> Any:
    flavour = BlockingFlavour()
    return AwsWrapperConnection(flavour.run(flavour.connected(cluster.network, cluster.writer_endpoint)))


# Blocks


def test_a_block_gives_the_drivers_own_object_that_tells_our_connection(connection: Any) -> None:
    with connection.pipeline() as pipeline:
        assert type(pipeline) is FakePipeline
        assert pipeline.connection is connection
        pipeline.sync()
    assert connection.target_connection.statements == ["SYNC"]


def test_calls_of_what_a_block_gives_are_watched_until_it_is_left(cluster: FakeCluster, connection: Any) -> None:
    given: list[FakePipeline] = []

    def work() -> None:
        with connection.pipeline() as pipeline:
            given.append(pipeline)
            assert "sync" in vars(pipeline)
            cluster.fail_over(2)
            pipeline.sync()

    with pytest.raises(TransactionResolutionUnknownError) as caught:
        work()
    assert isinstance(caught.value.__context__, FailoverSuccessError)
    assert "sync" not in vars(given[0])
    assert connection.execute("SELECT").fetchone() == ("db-2",)


def test_an_error_inside_takes_the_watched_calls_away_too(connection: Any) -> None:
    with pytest.raises(IntegrityError), connection.pipeline() as pipeline:
        raise IntegrityError("the program's own")
    assert "sync" not in vars(pipeline)


def test_a_block_that_is_kept_answers_for_the_drivers(connection: Any) -> None:
    raw_block = connection.target_connection.transaction()
    block = connection.transaction()
    assert isinstance(block, type(raw_block))
    assert block.connection is raw_block.connection
    with pytest.raises(AttributeError, match="nonsense"):
        block.nonsense  # noqa: B018


def test_as_a_decorator_a_block_is_entered_for_each_call_on_the_connection_of_the_moment(
    cluster: FakeCluster, connection: Any
) -> None:
    @connection.transaction()  # type: ignore[untyped-decorator]
    def work(number: int) -> int:
        connection.execute("INSERT")
        return number

    assert work(1) == 1
    assert connection.target_connection.statements == ["BEGIN", "INSERT", "COMMIT"]
    cluster.fail_over(2)
    with pytest.raises(FailoverSuccessError):
        work(2)
    assert work(3) == 3
    assert connection.target_connection.statements == ["BEGIN", "INSERT", "COMMIT"]


# Rows


def test_rows_are_fetched_by_the_drivers_own_methods_but_inside_a_pipeline(
    cluster: FakeCluster, connection: Any
) -> None:
    before = connection.cursor()
    drivers_own = before.target_cursor.fetchone
    assert before.fetchone == drivers_own
    with connection.pipeline():
        inside = connection.cursor()
        assert before.fetchone != drivers_own
        assert inside.fetchone != inside.target_cursor.fetchone
        before.execute("SELECT")
        assert list(before) == [("db-1",)]
    assert before.fetchone == drivers_own
    assert inside.fetchone == inside.target_cursor.fetchone
    cluster.fail_over(2)
    with pytest.raises(TransactionResolutionUnknownError), connection.pipeline():
        connection.execute("SELECT")


def test_a_cursor_of_a_lost_connection_stays_ended_when_its_pipeline_is_left(
    cluster: FakeCluster, connection: Any
) -> None:
    cursor = connection.cursor()

    def work() -> None:
        with connection.pipeline():
            cluster.fail_over(2)
            cursor.execute("SELECT")

    with pytest.raises(TransactionResolutionUnknownError):
        work()
    with pytest.raises(Exception, match="This cursor has ended"):
        cursor.fetchone()
    cursor.close()


# Attributes


def test_an_attribute_that_touches_the_network_when_it_is_set_fails_over(cluster: FakeCluster, connection: Any) -> None:
    def work() -> None:
        with connection.pipeline():
            cluster.fail_over(2)
            connection.read_only = True

    with pytest.raises(TransactionResolutionUnknownError):
        work()
    connection.set_read_only(True)
    assert connection.read_only is True
    assert connection.target_connection.host is cluster[2]


class Programs(FakeConnection):
    def work(self) -> Any:
        return self.execute("SELECT")

    def itself(self) -> Any:
        return self

    application = "not the driver's"


def test_methods_of_the_programs_own_class_are_watched_and_give_our_objects(
    cluster: FakeCluster, connection: Any
) -> None:
    connection.target_connection.__class__ = Programs
    cursor = connection.work()
    assert cursor.connection is connection
    assert isinstance(cursor, FakeCursor)
    assert cursor.fetchone() == ("db-1",)
    assert connection.itself() is connection
    cluster.fail_over(2)
    with pytest.raises(FailoverSuccessError):
        connection.work()


def test_a_function_that_the_program_keeps_on_the_connection_is_its_own_affair(connection: Any) -> None:
    kept: list[Any] = []
    connection.keep = kept.append
    assert connection.keep == kept.append
    connection.keep(1)
    assert kept == [1]


@pytest.mark.parametrize("refused", [copy.copy, copy.deepcopy, pickle.dumps])
def test_connections_and_cursors_cannot_be_copied(connection: Any, refused: Callable[[Any], Any]) -> None:
    for thing in (connection, connection.cursor()):
        with pytest.raises(TypeError, match="live connection"):
            refused(thing)


# Pools


class Pool:
    close_returns = True

    def __init__(self) -> None:
        self.returned: list[Any] = []

    def putconn(self, connection: Any) -> None:
        connection.pool = None
        self.returned.append(connection)


def test_to_close_what_a_pool_has_lent_returns_it_if_the_pool_wants_that(connection: Any) -> None:
    pool = connection.pool = Pool()
    connection.close()
    assert pool.returned == [connection]
    assert pool.returned[0] is connection
    assert not connection.closed
    connection.close()
    assert connection.closed


def test_a_block_does_not_close_what_a_pool_has_lent(connection: Any) -> None:
    connection.pool = object()
    with connection:
        connection.execute("INSERT")
    assert not connection.closed
    with pytest.raises(IntegrityError), connection:
        raise IntegrityError("the program's own")
    assert not connection.closed
    assert connection.target_connection.statements == ["INSERT", "COMMIT", "ROLLBACK"]


def test_a_block_whose_commit_is_refused_leaves_the_connection_open_as_in_psycopg(
    cluster: FakeCluster, connection: Any
) -> None:
    cluster.network.faults["COMMIT"] = IntegrityError("a deferred constraint")
    with pytest.raises(IntegrityError), connection:
        connection.execute("INSERT")
    assert not connection.closed
