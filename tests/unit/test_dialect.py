from __future__ import annotations

import psycopg
import pytest

from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.core.refusals import classify_opening
from aws_advanced_python_wrapper.database.detection import DIALECTS, detect, named
from aws_advanced_python_wrapper.database.dialect import Answer, Ask, Dialect, Identity, Member
from aws_advanced_python_wrapper.database.mysql import (
    AURORA_MYSQL,
    MULTI_AZ_MYSQL,
    MYSQL,
    RDS_MYSQL,
    TOPOLOGY_SQL,
)
from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, MULTI_AZ_PG, PG, RDS_PG, TRAITS_SQL
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork
from support.flavours import BlockingFlavour


def answering(*rows: tuple[str | None, ...]) -> Ask:
    async def ask(sql: str) -> Answer:  # noqa: ARG001
        return rows

    return ask


def test_the_members_are_read_from_text() -> None:
    ask = answering(("a", "t", "0", "1700000000.5"), ("b", "f", "12.5", None), ("c", None, None, None))
    assert run(AURORA_PG.members(ask)) == (
        Member("a", is_writer=True, lag_ms=0.0, updated_at=1700000000.5),
        Member("b", is_writer=False, lag_ms=12.5, updated_at=None),
        Member("c", is_writer=False, lag_ms=None, updated_at=None),
    )


@pytest.mark.parametrize("nameless", [None, ""])
def test_a_member_without_a_name_is_left_out(nameless: str | None) -> None:
    members = run(AURORA_PG.members(answering((nameless, "t", "0", None), ("b", "f", "0", None))))
    assert [member.host_id for member in members] == ["b"]


def test_a_plain_server_has_no_members() -> None:
    with pytest.raises(LookupError):
        run(PG.members(answering()))


AURORA = "aurora_stat_utils, pgcrypto, rds_tools"
RDS = "pgcrypto, rds_tools"


@pytest.mark.parametrize(
    ("traits", "source", "expected", "queries"),
    [
        ((AURORA, "f"), None, AURORA_PG, 1),
        ((AURORA, "t"), None, AURORA_PG, 1),
        ((RDS, "f"), None, RDS_PG, 1),
        ((RDS, "t"), None, RDS_PG, 2),
        ((RDS, "t"), "db-ABC", MULTI_AZ_PG, 2),
        ((None, "t"), "db-ABC", MULTI_AZ_PG, 2),
        ((None, "t"), None, PG, 2),
        (("pgcrypto", "f"), None, PG, 1),
        ((None, "f"), None, PG, 1),
    ],
)
def test_a_deployment_is_told_by_as_few_queries_as_can_be(
    traits: tuple[str | None, str], source: str | None, expected: Dialect, queries: int
) -> None:
    asked: list[str] = []

    async def ask(sql: str) -> Answer:
        asked.append(sql)
        return [traits] if sql == TRAITS_SQL else [(source,)]

    assert run(detect("postgresql", ask)) is expected
    assert len(asked) == queries


COMMUNITY = ("version_comment", "MySQL Community Server - GPL")
SOURCE = ("version_comment", "Source distribution")
NAMED, NAMELESS = ("report_host", "10.0.0.1"), ("report_host", "")


@pytest.mark.parametrize(
    ("variables", "has_topology", "expected", "queries"),
    [
        ([("aurora_version", "3.08.0"), NAMELESS, SOURCE], False, AURORA_MYSQL, 1),
        ([("aurora_version", "3.08.0"), NAMED, SOURCE], True, AURORA_MYSQL, 1),
        ([("Aurora_version", "3.08.0")], False, AURORA_MYSQL, 1),
        ([NAMED, SOURCE], True, MULTI_AZ_MYSQL, 2),
        ([NAMED, COMMUNITY], True, MULTI_AZ_MYSQL, 2),
        ([NAMED, SOURCE], False, RDS_MYSQL, 2),
        ([NAMELESS, SOURCE], True, RDS_MYSQL, 1),  # with a table for a blue/green deployment
        ([("version_comment", "source distribution")], False, RDS_MYSQL, 1),
        ([NAMED, COMMUNITY], False, MYSQL, 2),
        ([NAMELESS, COMMUNITY], False, MYSQL, 1),
        ([("report_host", None), ("version_comment", "(Debian)")], False, MYSQL, 1),
        ([("version_comment", "mariadb.org binary distribution")], False, MYSQL, 1),
        ([], False, MYSQL, 1),
    ],
)
def test_a_deployment_of_mysql_is_told_by_as_few_queries_as_can_be(
    variables: list[tuple[str | None, ...]], has_topology: bool, expected: Dialect, queries: int
) -> None:
    asked: list[str] = []

    async def ask(sql: str) -> Answer:
        asked.append(sql)
        return [("1" if has_topology else "0",)] if sql == TOPOLOGY_SQL else variables

    assert run(detect("mysql", ask)) is expected
    assert len(asked) == queries


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("mysql", MYSQL),
        ("MariaDB", MYSQL),
        ("rds_mysql", RDS_MYSQL),
        ("aurora-mysql", AURORA_MYSQL),
        ("multi-az-mysql", MULTI_AZ_MYSQL),
        ("rds-multi-az-mysql-cluster", MULTI_AZ_MYSQL),
        ("multi-az-pg", MULTI_AZ_PG),
        ("rds-multi-az-pg-cluster", MULTI_AZ_PG),
        ("RDS_MULTI_AZ_PG_CLUSTER", MULTI_AZ_PG),
        (" Aurora_PG ", AURORA_PG),
        ("rds-pg", RDS_PG),
        ("PG", PG),
    ],
)
def test_a_dialect_goes_by_each_of_its_spellings(code: str, expected: Dialect) -> None:
    assert named(code, "mysql" if "mysql" in expected.code else "postgresql") is expected


def test_an_unknown_dialect_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(AwsWrapperError, match="did you mean 'multi-az-pg'"):
        named("multi-as-pg", "postgresql")


def test_a_dialect_of_another_engine_is_refused_with_those_that_fit() -> None:
    with pytest.raises(AwsWrapperError, match=r"^No database dialect of mysql is called .aurora-pg."):
        named("aurora-pg", "mysql")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("a", "f", "a.example.com", "5432"), Identity("a", HostRole.WRITER, "a.example.com", 5432)),
        (("a", "t", "a.example.com", "5432"), Identity("a", HostRole.READER, "a.example.com", 5432)),
        ((None, "t", None, None), Identity(None, HostRole.READER)),
        (("a", "t"), Identity("a", HostRole.READER)),
    ],
)
def test_a_host_says_who_it_is(row: tuple[str | None, ...], expected: Identity) -> None:
    assert run(MULTI_AZ_PG.identify(answering(row))) == expected


REFUSED_USER = 'connection failed: FATAL:  role "someone" is not permitted to log in'
REFUSED_PASSWORD = 'connection failed: FATAL:  password authentication failed for user "someone"'
REFUSED_CONNECTION = "connection failed: Connection refused"


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (MULTI_AZ_PG, REFUSED_USER, ErrorKind.NETWORK),
        (MULTI_AZ_PG, REFUSED_PASSWORD, ErrorKind.LOGIN),
        (MULTI_AZ_PG, REFUSED_CONNECTION, ErrorKind.NETWORK),
        (AURORA_PG, REFUSED_USER, ErrorKind.LOGIN),
        (AURORA_PG, REFUSED_PASSWORD, ErrorKind.LOGIN),
        (None, REFUSED_USER, ErrorKind.LOGIN),
    ],
)
def test_a_multi_az_cluster_turns_users_away_for_a_while(
    dialect: Dialect | None, text: str, expected: ErrorKind
) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    assert classify_opening(adapter, dialect, psycopg.OperationalError(text)) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.InvalidAuthorizationSpecification("x"), ErrorKind.NETWORK),
        (psycopg.errors.InvalidPassword("x"), ErrorKind.LOGIN),
    ],
)
def test_the_sqlstate_tells_a_password_from_a_user(error: psycopg.Error, expected: ErrorKind) -> None:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    assert adapter.classify(error) is ErrorKind.LOGIN
    assert classify_opening(adapter, MULTI_AZ_PG, error) is expected


@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS.values() if not dialect.knows_cluster])
def test_what_knows_no_cluster_tells_what_a_clusters_user_may_lack(dialect: Dialect) -> None:
    granted = {"pg": "grant USAGE on its schema", "mysql": "GRANT SELECT ON mysql.rds_topology"}
    assert dialect.no_cluster_hint.endswith(granted[dialect.code.removeprefix("rds-")])


def test_the_endpoint_of_a_cluster_whose_server_knows_none_is_told(
    network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster(network, aurora=False)
    flavour = BlockingFlavour()
    flavour.run(flavour.connected(network, cluster.writer_endpoint))
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"{cluster.writer_endpoint}:5432 is the endpoint of a cluster, but its server names no members" in told
    assert told.endswith("CREATE EXTENSION rds_tools, and grant USAGE on its schema")
