"""The SQL surface of Aurora, as an ordinary user sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster

TOPOLOGY = """
    SELECT SERVER_ID,
           CASE WHEN SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END,
           CPU, COALESCE(REPLICA_LAG_IN_MSEC, 0), LAST_UPDATE_TIMESTAMP
      FROM pg_catalog.aurora_replica_status()
     WHERE EXTRACT(EPOCH FROM(pg_catalog.NOW() OPERATOR(pg_catalog.-) LAST_UPDATE_TIMESTAMP))
           OPERATOR(pg_catalog.<=) 300
        OR SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' OR LAST_UPDATE_TIMESTAMP IS NULL"""
COLUMNS = [
    "server_id", "session_id", "durable_lsn", "highest_lsn_rcvd", "current_read_lsn",
    "cur_replay_latency_in_usec", "active_txns", "is_current", "last_transport_error", "last_error_timestamp",
    "last_update_timestamp", "feedback_xmin", "feedback_epoch", "replica_lag_in_msec",
    "log_stream_speed_in_kib_per_second", "log_buffer_sequence_number", "oldest_read_view_trx_id",
    "oldest_read_view_lsn", "pending_read_ios", "read_ios", "iops", "cpu",
]  # fmt: skip


def query(cluster: LocalCluster, instance: Any, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(cluster.conninfo(instance.host), autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def writers_seen(cluster: LocalCluster, instance: Any) -> list[str]:
    return [row[0] for row in query(cluster, instance, TOPOLOGY) if row[1]]


def test_every_instance_knows_itself_and_the_others(healthy_aurora_postgresql: LocalCluster) -> None:
    names = {instance.name for instance in healthy_aurora_postgresql.instances}
    for instance in healthy_aurora_postgresql.instances:
        [(own,)] = query(healthy_aurora_postgresql, instance, "SELECT pg_catalog.aurora_db_instance_identifier()")
        assert own == instance.name
        assert {row[0] for row in query(healthy_aurora_postgresql, instance, TOPOLOGY)} == names


def test_replica_status_has_the_columns_of_the_real_one(healthy_aurora_postgresql: LocalCluster) -> None:
    with psycopg.connect(healthy_aurora_postgresql.conninfo()) as connection:
        cursor = connection.execute("SELECT * FROM aurora_replica_status()")
        assert [column.name for column in cursor.description or ()] == COLUMNS
        now = connection.execute("SELECT clock_timestamp()").fetchall()[0][0]
        for row in cursor.fetchall():
            values = dict(zip(COLUMNS, row, strict=True))
            assert 0 <= (now - values["last_update_timestamp"]).total_seconds() < 5
            assert (values["replica_lag_in_msec"] is None) == (values["session_id"] == "MASTER_SESSION_ID")


def test_the_user_is_no_superuser_and_there_is_a_version(healthy_aurora_postgresql: LocalCluster) -> None:
    with psycopg.connect(healthy_aurora_postgresql.conninfo()) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        version = connection.execute("SELECT aurora_version()").fetchall()[0][0]
        assert version.split(".")[0] == str(connection.info.server_version // 10000)


def test_the_settings_view_shows_the_extensions_and_still_sets(healthy_aurora_postgresql: LocalCluster) -> None:
    extensions = """
        SELECT (setting LIKE '%rds_tools%'), (setting LIKE '%aurora_stat_utils%')
          FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'"""
    with psycopg.connect(healthy_aurora_postgresql.conninfo()) as connection:
        assert connection.execute(extensions).fetchall() == [(True, True)]
        connection.execute("UPDATE pg_settings SET setting = '7s' WHERE name = 'statement_timeout'")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("7s",)


def test_new_databases_and_hostile_search_paths_have_the_surface_too(
    healthy_aurora_postgresql: LocalCluster,
) -> None:
    cluster = healthy_aurora_postgresql
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE another")
        try:
            with psycopg.connect(cluster.conninfo(dbname="another"), autocommit=True) as other:
                other.execute("CREATE SCHEMA hostile")
                other.execute("CREATE FUNCTION hostile.random() RETURNS float8 LANGUAGE sql AS 'SELECT 1/0'")
                other.execute("SET search_path = hostile, pg_catalog")
                assert other.execute("SELECT count(*) FROM aurora_replica_status()").fetchone() == (3,)
        finally:
            connection.execute("DROP DATABASE another WITH (FORCE)")


def test_an_ordinary_user_cannot_read_files_or_passwords(healthy_aurora_postgresql: LocalCluster) -> None:
    with psycopg.connect(
        healthy_aurora_postgresql.conninfo(healthy_aurora_postgresql.readers[0].host), autocommit=True
    ) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_read_file('topology.json')")
        conninfo = connection.execute("SELECT setting FROM pg_settings WHERE name = 'primary_conninfo'").fetchone()
        assert "password" not in str(conninfo)


def test_tables_lag_after_a_failover_each_by_its_own_delay(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    old, new, other = cluster.writer, cluster.readers[0], cluster.readers[1]
    cluster.set_delays(topology_delay={new.name: 0.2, other.name: 2.0}, restart_time=0)
    result = cluster.failover(to=new)
    eventually(lambda: writers_seen(cluster, new) == [new.name])
    assert writers_seen(cluster, other) == [old.name], "the slow one still believes in the old writer"
    eventually(lambda: writers_seen(cluster, other) == [new.name])
    assert time.monotonic() - result.writer_accepts >= 2.0


def test_a_dead_instance_stops_reporting(healthy_aurora_postgresql: LocalCluster) -> None:
    cluster = healthy_aurora_postgresql
    dead = cluster.readers[0]
    cluster.kill(dead)
    last = (
        "SELECT last_update_timestamp, is_current, clock_timestamp() - last_update_timestamp > interval '300 ms' "
        f"FROM aurora_replica_status() WHERE server_id = '{dead.name}'"
    )
    eventually(lambda: query(cluster, cluster.writer, last)[0][2])
    first, again = query(cluster, cluster.writer, last), query(cluster, cluster.writer, last)
    assert first[0][:2] == again[0][:2]
    assert first[0][1] is False
