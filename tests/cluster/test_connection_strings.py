"""Connection strings in libpq's two forms really connect, with whatever characters a password has."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from aws_advanced_python_wrapper import AwsWrapperConnection, AwsWrapperError, FailoverSuccessError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.psycopg import connect as connect_by_module
from cluster.support import WHO, at_server, database, login_role, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.local import LocalCluster

USER = "o'hara user"
PASSWORD = "p @:/?#[]%20=&'\"\\ ü€"
DATABASE = "my 'own' db/1"


@dataclass
class Access:
    """Everything a connection string has to carry."""

    cluster: LocalCluster
    host: str
    port: int
    opened: ExitStack

    def connect(self, conninfo: str, **arguments: Any) -> AwsWrapperConnection:
        connection = AwsWrapperConnection.connect(psycopg.Connection.connect, conninfo, **arguments)
        self.opened.callback(connection.close)
        return connection

    def who(self, conninfo: str, **arguments: Any) -> tuple[str, str]:
        connection = self.connect(conninfo, **arguments)
        return value(connection, "SELECT current_user::text"), value(connection, "SELECT current_database()::text")


@pytest.fixture
def access(cluster: LocalCluster) -> Iterator[Access]:
    with login_role(cluster, USER, PASSWORD), database(cluster, DATABASE), ExitStack() as opened:
        yield Access(cluster, cluster.writer_endpoint, cluster.port, opened)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def escaped(text: str) -> str:
    return "".join("\\" + character if character in " '\\" else character for character in text)


@pytest.mark.parametrize("written", [quoted, escaped])
def test_pairs_with_quoting(access: Access, written: Callable[[str], str]) -> None:
    user, password, dbname = map(written, (USER, PASSWORD, DATABASE))
    conninfo = f"host={access.host} port = {access.port}  user={user} password={password} dbname={dbname}"
    assert access.who(conninfo) == (USER, DATABASE)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_urls_with_percent_encoding(access: Access, scheme: str) -> None:
    user, password, dbname = (quote(text, safe="") for text in (USER, PASSWORD, DATABASE))
    url = f"{scheme}://{user}:{password}@{access.host}:{access.port}/{dbname}"
    assert access.who(url) == (USER, DATABASE)
    connection = access.connect(url + "?application_name=from%20the%20URL&failover_mode=strict-writer")
    assert value(connection, "SHOW application_name") == "from the URL"


def test_urls_with_everything_in_the_query(access: Access) -> None:
    parts = {"host": access.host, "port": access.port, "user": USER, "password": PASSWORD, "dbname": DATABASE}
    query = "&".join(f"{name}={quote(str(text), safe='')}" for name, text in parts.items())
    assert access.who(f"postgresql://?{query}") == (USER, DATABASE)


def test_keywords_alone(access: Access) -> None:
    parts = {"user": USER, "password": PASSWORD, "host": access.host, "port": access.port}
    assert access.who("", **parts, dbname=DATABASE) == (USER, DATABASE)
    assert access.who("", **parts, database=DATABASE) == (USER, DATABASE)


def test_keywords_override_the_string(access: Access) -> None:
    conninfo = f"host=nowhere.invalid port=1 user=nobody password=wrong dbname=none application_name=kept {OURS}"
    overriding = {"user": USER, "password": PASSWORD, "host": access.host, "port": access.port, "dbname": DATABASE}
    assert access.who(conninfo, **overriding, plugins="failover") == (USER, DATABASE)
    assert value(access.connect(conninfo, **overriding, plugins="failover"), "SHOW application_name") == "kept"


OURS = "plugins=''"


def test_the_last_of_a_name_given_twice_counts(access: Access) -> None:
    conninfo = access.cluster.conninfo(access.host)
    connection = access.connect(conninfo + " application_name=first application_name=second")
    assert value(connection, "SHOW application_name") == "second"


def test_the_module_in_psycopgs_place_connects_alike(access: Access) -> None:
    with connect_by_module(access.cluster.conninfo(access.host), autocommit=True) as connection:
        assert value(connection, "SELECT 1") == 1
    assert connection.closed


def test_arguments_of_psycopgs_own_are_taken(access: Access) -> None:
    connection: Any = access.connect(
        access.cluster.conninfo(),
        autocommit=True,
        row_factory=psycopg.rows.dict_row,
        cursor_factory=psycopg.ClientCursor,
        prepare_threshold=None,
    )
    assert isinstance(connection, psycopg.Connection)
    assert isinstance(connection.cursor(), psycopg.ClientCursor)
    assert connection.execute("SELECT %s AS n", (1,)).fetchone() == {"n": 1}
    assert connection.prepare_threshold is None


def test_what_the_string_says_holds_after_a_failover(access: Access) -> None:
    user, password, dbname = map(quoted, (USER, PASSWORD, DATABASE))
    connection = access.connect(
        f"host={access.host} port={access.port} user={user} password={password} dbname={dbname}", autocommit=True
    )
    access.cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, "SELECT current_database()::text") == DATABASE
    assert value(connection, "SELECT current_user::text") == USER
    assert at_server(access.cluster, connection._session.host.host, "SELECT pg_is_in_recovery()") is False


@dataclass
class Files:
    """A service and a password file that lead to the cluster, and environment variables that do."""

    service: str
    services: str
    passwords: str
    variables: dict[str, str]


@pytest.fixture
def files(access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    endpoint = {"host": access.host, "port": str(access.port), "user": USER, "dbname": DATABASE}
    services, passwords = tmp_path / "services.conf", tmp_path / "passwords"
    services.write_text("[app]\n" + "".join(f"{name}={text}\n" for name, text in endpoint.items()))
    # After a failover the host has another name, that of an instance: a password for all of them is asked for by "*".
    passwords.write_text(f"*:{access.port}:*:*:" + re.sub(r"([:\\])", r"\\\1", PASSWORD) + "\n")
    passwords.chmod(0o600)
    variables = {f"PG{name.upper()}": text for name, text in endpoint.items() if name != "dbname"}
    return Files("app", str(services), str(passwords), variables | {"PGDATABASE": DATABASE})


def test_a_service_and_a_password_file(access: Access, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", files.services)
    assert access.who(f"service={files.service}", passfile=files.passwords) == (USER, DATABASE)
    monkeypatch.setenv("PGPASSFILE", files.passwords)
    assert access.who(f"postgresql://?service={files.service}") == (USER, DATABASE)
    monkeypatch.setenv("PGSERVICE", files.service)
    assert access.who("") == (USER, DATABASE)


@pytest.mark.parametrize("by_module", [False, True])
def test_a_connection_that_only_the_environment_describes_survives_a_failover(
    access: Access, files: Files, monkeypatch: pytest.MonkeyPatch, by_module: bool
) -> None:
    for name, text in {**files.variables, "PGPASSFILE": files.passwords, "PGTARGETSESSIONATTRS": "primary"}.items():
        monkeypatch.setenv(name, text)
    connection = connect_by_module(autocommit=True) if by_module else access.connect("", autocommit=True)
    access.opened.callback(connection.close)
    before = value(connection, WHO)
    access.cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, WHO) not in (before, None)
    assert value(connection, "SELECT current_database()::text") == DATABASE


def test_a_pool_finds_its_host_alike(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {**files.variables, "PGPASSWORD": PASSWORD}.items():
        monkeypatch.setenv(name, text)
    connection_class: Any = AwsWrapperConnection
    with (
        ConnectionPool(connection_class=connection_class, min_size=1, open=True) as pool,
        pool.connection() as connection,
    ):
        assert value(connection, "SELECT current_user::text") == USER


def test_an_asyncio_connection_finds_its_host_alike(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    async def who() -> Any:
        async with await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, "") as connection:
            return await (await connection.execute("SELECT current_user::text")).fetchall()

    for name, text in {**files.variables, "PGPASSWORD": PASSWORD}.items():
        monkeypatch.setenv(name, text)
    assert asyncio.run(who()) == [(USER,)]


@pytest.mark.parametrize(
    "several", ["host={0},{0} port={1}", "host={0} port={1},{1}", "postgresql://{0}:{1},{0}:{1}/app"]
)
def test_several_hosts_are_refused_with_advice(access: Access, several: str) -> None:
    with pytest.raises(AwsWrapperError, match="Give one, best the cluster endpoint"):
        access.connect(several.format(access.host, access.port))
