"""The frameworks work as the pages on the drivers tell: SQLAlchemy and Django, through a failover."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError, release_resources
from cluster.engines import ENGINES
from cluster.support import administrate, fresh_table
from support.pages import runnable, the_example

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.local import LocalCluster

WHO = ENGINES["postgresql"].who

both_engines = pytest.mark.parametrize("cluster", ["postgresql", "mysql"], indirect=True)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> LocalCluster:
    release_resources()
    engine = getattr(request, "param", "postgresql")
    healthy: LocalCluster = request.getfixturevalue(f"healthy_aurora_{engine}")
    return healthy


@pytest.fixture
def reading(cluster: LocalCluster) -> Iterator[dict[str, Any]]:
    """Return what the example of read/write splitting leaves behind, its two engines among it."""
    administrate(cluster, "CREATE TABLE IF NOT EXISTS orders (number int PRIMARY KEY)", "TRUNCATE orders")
    administrate(cluster, "GRANT ALL ON orders TO PUBLIC")
    names: dict[str, Any] = {}
    exec(runnable(the_example("postgresql_readonly"), cluster), names)  # noqa: S102 - our own page
    yield names
    names["engine"].dispose()


def test_one_engine_of_sqlalchemys_reads_on_readers_and_writes_on_the_writer(
    cluster: LocalCluster, reading: dict[str, Any]
) -> None:
    from sqlalchemy.orm import Session

    for _ in range(3):
        with reading["engine"].connect() as connection:
            assert connection.exec_driver_sql(WHO).scalar() == cluster.writer.name
        with Session(reading["reading_engine"]) as session:
            assert session.connection().exec_driver_sql(WHO).scalar() != cluster.writer.name
    assert reading["engine"].pool.checkedin() == 1


BEGINNINGS = {
    "postgresql": 'engine = create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)',
    "mysql": 'engine = create_engine("mysql+mysqlconnector://", creator=connect, pool_pre_ping=True)',
}


@pytest.fixture
def engine(cluster: LocalCluster) -> Iterator[Any]:
    """Return the engine of the example."""
    fresh_table(cluster, "orders", "number int PRIMARY KEY")
    names: dict[str, Any] = {}
    exec(runnable(the_example(BEGINNINGS[cluster.settings.engine]), cluster), names)  # noqa: S102 - our own page
    yield names["engine"]
    names["engine"].dispose()


def who(connection: Any, cluster: LocalCluster) -> str:
    return str(connection.exec_driver_sql(ENGINES[cluster.settings.engine].who).scalar())


@both_engines
def test_sqlalchemys_ping_finds_the_new_writer(cluster: LocalCluster, engine: Any) -> None:
    with engine.connect() as connection:
        assert who(connection, cluster) == cluster.writer.name
    new = cluster.failover(wait="all").new_writer
    with engine.connect() as connection:
        assert who(connection, cluster) == new
    assert engine.pool.checkedin() == 1


@both_engines
def test_a_failover_while_sqlalchemy_works_is_the_cause_of_its_error(cluster: LocalCluster, engine: Any) -> None:
    from sqlalchemy.exc import OperationalError

    with engine.connect() as connection:
        who(connection, cluster)
        connection.commit()
        cluster.failover()
        with pytest.raises(OperationalError) as told:
            who(connection, cluster)
        assert isinstance(told.value.orig, FailoverSuccessError)
        assert not told.value.connection_invalidated
        connection.rollback()
        assert who(connection, cluster) == cluster.writer.name


@both_engines
def test_sqlalchemy_knows_the_errors_of_the_driver(engine: Any) -> None:
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO orders VALUES (1)")
        with pytest.raises(IntegrityError) as told:
            connection.exec_driver_sql("INSERT INTO orders VALUES (1)")
        assert not told.value.connection_invalidated
        connection.rollback()
        with pytest.raises(ProgrammingError):
            connection.exec_driver_sql("SELECT no_such_column FROM orders")


def test_without_failover_sqlalchemy_replaces_a_mysql_connection_that_is_lost(
    healthy_aurora_mysql: LocalCluster,
) -> None:
    import mysql.connector
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError

    cluster, target = healthy_aurora_mysql, mysql.connector.connect

    def connect() -> AwsWrapperConnection:
        return AwsWrapperConnection.connect(target, cluster.conninfo(), plugins="none")

    engine = create_engine("mysql+mysqlconnector://", creator=connect, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        who(connection, cluster)
        cluster.writer.proxy.reset()
        with pytest.raises(DBAPIError) as told:
            who(connection, cluster)
        assert told.value.connection_invalidated
    with engine.connect() as connection:
        assert who(connection, cluster) == cluster.writer.name
    engine.dispose()


DJANGO_BASES = {
    "postgresql": "from django.db.backends.postgresql import base",
    "mysql": "from mysql.connector.django import base",
}

DJANGO = """
    import sys
    import django
    from django.conf import settings

    folder, host, port, user, password, name, query = sys.argv[1:]
    sys.path.insert(0, folder)
    options = {"failover_timeout_sec": 30}
    place = {"HOST": host, "PORT": port, "USER": user, "PASSWORD": password, "NAME": name}
    kept = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    settings.configure(DATABASES={"default": {"ENGINE": "shop_database", "OPTIONS": options, **place, **kept}})
    django.setup()

    from django.db import OperationalError, close_old_connections, connection

    def who():
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]

    def answer():
        try:
            return who()
        except OperationalError as error:
            return type(error.__cause__).__name__

    for line in sys.stdin:
        if line == "a new request\\n":
            close_old_connections()
        print(answer(), flush=True)
    connection.close()
    """


@both_engines
def test_django_lives_through_a_failover(cluster: LocalCluster, tmp_path: Path) -> None:
    engine = tmp_path / "shop_database"
    engine.mkdir()
    (engine / "__init__.py").touch()
    (engine / "base.py").write_text(the_example(DJANGO_BASES[cluster.settings.engine]))
    where = [cluster.writer_endpoint, str(cluster.port), cluster.user, cluster.password, cluster.database]
    where.append(ENGINES[cluster.settings.engine].who)
    command = [sys.executable, "-c", textwrap.dedent(DJANGO), str(tmp_path), *where]
    with (
        subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        closing(
            process.stdin  # type: ignore[type-var]
        ) as to_django,
    ):

        def ask(what: str) -> str:
            assert process.stdout
            print(what, file=to_django, flush=True)
            return process.stdout.readline().strip()

        try:
            assert ask("the first request") == cluster.writer.name
            new = cluster.failover().new_writer
            assert ask("go on") == "FailoverSuccessError"
            assert ask("go on") == new
            cluster.wait_settled()
            newer = cluster.failover(wait="all").new_writer
            assert ask("a new request") == newer
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0
