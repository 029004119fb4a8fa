from __future__ import annotations

import datetime as dt
import time

import psycopg
import pytest

from aws_advanced_python_wrapper import pep249
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, connect

TREE = {
    "Error": "Exception",
    "InterfaceError": "Error",
    "DatabaseError": "Error",
    "DataError": "DatabaseError",
    "OperationalError": "DatabaseError",
    "IntegrityError": "DatabaseError",
    "InternalError": "DatabaseError",
    "ProgrammingError": "DatabaseError",
    "NotSupportedError": "DatabaseError",
    "ConnectionTimeout": "OperationalError",
    "PipelineAborted": "OperationalError",
}


@pytest.mark.parametrize(("name", "parent"), TREE.items())
def test_the_exception_tree_is_that_of_pep_249(name: str, parent: str) -> None:
    assert getattr(pep249, name).__base__.__name__ == parent


def test_errors_have_no_sqlstate_and_no_number_of_their_own() -> None:
    assert pep249.Error("x").sqlstate is None
    assert pep249.Error("x").errno is None


def test_module_constants_are_those_of_pep_249() -> None:
    assert (pep249.apilevel, pep249.threadsafety, pep249.paramstyle) == ("2.0", 2, "pyformat")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("STRING", "text varchar bpchar name"),
        ("BINARY", "bytea"),
        ("NUMBER", "int2 int4 int8 float4 float8 numeric"),
        ("DATETIME", "date time timetz timestamp timestamptz interval"),
        ("ROWID", "oid"),
    ],
)
def test_type_objects_equal_the_types_psycopg_reports(kind: str, names: str) -> None:
    ours, others = getattr(pep249, kind), {"STRING", "BINARY", "NUMBER", "DATETIME", "ROWID"} - {kind}
    for name in names.split():
        oid = psycopg.postgres.types[name].oid
        assert ours == oid
        assert oid == ours
        assert all(getattr(pep249, other) != oid for other in others)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(253, "STRING"), (254, "STRING"), (252, "BINARY"), (3, "NUMBER"), (246, "NUMBER"), (12, "DATETIME")],
)
def test_type_objects_equal_mysql_field_types(code: int, kind: str) -> None:
    assert getattr(pep249, kind) == code


def test_a_postgresql_boolean_is_no_number() -> None:
    assert psycopg.postgres.types["bool"].oid != pep249.NUMBER


def test_type_objects_can_be_told_apart_and_kept_in_a_dictionary() -> None:
    assert pep249.STRING != pep249.NUMBER
    assert {pep249.STRING: 1}[pep249.STRING] == 1
    assert pep249.STRING != "STRING"
    assert repr(pep249.ROWID) == "<TypeObject ROWID>"


def test_constructors_from_ticks_are_in_local_time() -> None:
    ticks = 1_700_000_000.0
    local = time.localtime(ticks)
    assert pep249.DateFromTicks(ticks) == dt.date(local.tm_year, local.tm_mon, local.tm_mday)
    assert pep249.TimeFromTicks(ticks) == dt.time(local.tm_hour, local.tm_min, local.tm_sec)
    assert pep249.TimestampFromTicks(ticks).timestamp() == ticks
    assert pep249.TimestampFromTicks(ticks).hour == local.tm_hour
    assert pep249.Binary(b"\0") == b"\0"


def test_connections_and_cursors_are_what_annotations_say(network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    with connect(network, cluster.writer_endpoint) as opened:
        connection: pep249.Connection = opened
        cursor: pep249.Cursor = connection.cursor()
        cursor.execute("SELECT")
        assert cursor.fetchone() == ("db-1",)
        cursor.close()
        connection.commit()
