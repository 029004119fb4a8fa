"""Programs that OpenTelemetry watches: it puts functions and objects of its own around the drivers'."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.instrumentation.mysql import MySQLInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError, release_resources
from cluster.drivers import BLOCKING
from cluster.engines import POSTGRESQL
from cluster.support import true_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver


class Watched:
    """Where the spans go."""

    def __init__(self) -> None:
        self.provider, self._spans = TracerProvider(), InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._spans))

    def statements(self) -> list[tuple[object, bool]]:
        """Return what has been executed so far, and whether it went well."""
        spans = self._spans.get_finished_spans()
        return [((span.attributes or {})["db.statement"], span.status.is_ok) for span in spans]


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Have both drivers watched."""
    watched = Watched()
    instrumentors: list[Any] = [MySQLInstrumentor(), PsycopgInstrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=watched.provider)
    yield watched
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
    watched.provider.shutdown()


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Driver:
    driver = BLOCKING[request.param]
    driver.skip_if_missing()
    return driver


@pytest.fixture
def cluster(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    release_resources()
    healthy: LocalCluster = request.getfixturevalue(f"healthy_aurora_{driver.engine.name}")
    return healthy


def connected(cluster: LocalCluster, driver: Driver) -> Any:
    """Return what gives a connection back to the block and closes it with that."""
    arguments = {**driver.arguments, "autocommit": True}
    return closing(AwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **arguments))


@pytest.mark.parametrize("driver", ["psycopg", "mysql-c", "mysql-pure"], indirect=True)
def test_a_watched_program_fails_over(cluster: LocalCluster, driver: Driver, watched: Watched) -> None:
    with connected(cluster, driver) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
        cluster.failover(kind="crash")
        with pytest.raises(FailoverSuccessError):
            cursor.execute("SELECT 1")
        cursor = connection.cursor()
        cursor.execute(driver.engine.who)
        assert cursor.fetchone() == (true_writer(cluster),)
    if driver.engine is POSTGRESQL:
        seen = [one for one in watched.statements() if one[0] != POSTGRESQL.is_reader]  # what the test itself asks
        assert seen == [("SELECT 1", True), ("SELECT 1", False), (driver.engine.who, True)]


@pytest.mark.parametrize("driver", ["mysql-c", "mysql-pure"], indirect=True)
def test_a_mysql_connection_is_watched_by_name(cluster: LocalCluster, driver: Driver, watched: Watched) -> None:
    with connected(cluster, driver) as connection:
        instrumentor: Any = MySQLInstrumentor()
        traced = instrumentor.instrument_connection(connection, tracer_provider=watched.provider)
        cursor = traced.cursor()
        cursor.execute("SELECT 2")
        assert cursor.fetchone() == (2,)
        cluster.failover(kind="crash")
        with pytest.raises(FailoverSuccessError):
            cursor.execute("SELECT 3")
        cursor = traced.cursor()
        cursor.execute("SELECT 4")
        assert cursor.fetchone() == (4,)
    assert watched.statements() == [("SELECT 2", True), ("SELECT 3", False), ("SELECT 4", True)]
