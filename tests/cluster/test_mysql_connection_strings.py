"""Connection strings, keywords and option files really connect to MySQL, with whatever characters a password has."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError, release_resources
from cluster.engines import MYSQL
from cluster.support import administrate, database, instance_of, login_role, true_writer, value
from cluster.ways import WAYS, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.local import LocalCluster

USER = "o hara user"
PASSWORD = "p @:/?#[]%20=&'\"\\"
DATABASE = "my 'own' db/1"


@dataclass
class Access:
    """Everything that leads to a session."""

    cluster: LocalCluster
    way: Way
    connect: Callable[..., Any]

    @property
    def parts(self) -> dict[str, Any]:
        """The keywords."""
        cluster = self.cluster
        place = {"host": cluster.writer_endpoint, "port": cluster.port}
        return {**place, "user": USER, "password": PASSWORD, "database": DATABASE}

    def who(self, conninfo: str = "", **arguments: Any) -> tuple[str, str]:
        return identity(self.connect(conninfo, **arguments))


def identity(connection: Any) -> tuple[str, str]:
    """Return the names of the user and the database."""
    user = value(connection, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")
    return user, value(connection, "SELECT DATABASE()")


@pytest.fixture(params=[way for way in WAYS if way.driver.engine is MYSQL], ids=str)
def access(request: pytest.FixtureRequest, healthy_aurora_mysql: LocalCluster) -> Iterator[Access]:
    way, cluster = request.param, healthy_aurora_mysql
    way.driver.skip_if_missing()
    release_resources()
    with ExitStack() as stack:
        stack.enter_context(login_role(cluster, USER, PASSWORD))
        name = stack.enter_context(database(cluster, f"`{DATABASE}`"))
        administrate(cluster, f"GRANT ALL ON {name}.* TO '{USER}'")
        yield Access(cluster, way, stack.enter_context(way.opener()))


def quoted(text: object) -> str:
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def escaped(text: object) -> str:
    return "".join("\\" + character if character in " '\\" else character for character in str(text))


@pytest.mark.parametrize("written", [quoted, escaped])
def test_pairs_with_quoting(access: Access, written: Callable[[object], str]) -> None:
    assert access.who(" ".join(f"{name} = {written(text)}" for name, text in access.parts.items())) == (USER, DATABASE)


def test_urls_with_percent_encoding(access: Access) -> None:
    parts = {name: quote(str(text), safe="") for name, text in access.parts.items()}
    url = "mysql://{user}:{password}@{host}:{port}/{database}".format(**parts)
    assert access.who(url) == (USER, DATABASE)
    assert access.who(url + "?connect_timeout=7&failover_mode=strict-writer") == (USER, DATABASE)


def test_urls_with_everything_in_the_query(access: Access) -> None:
    query = "&".join(f"{name}={quote(str(text), safe='')}" for name, text in access.parts.items())
    assert access.who(f"mysql://?{query}") == (USER, DATABASE)


def test_keywords_alone(access: Access) -> None:
    assert access.who(**access.parts) == (USER, DATABASE)


def test_the_names_that_each_driver_has_besides(access: Access) -> None:
    shorter = {"mysql": {"user": "username", "password": "passwd", "database": "db"}, "aiomysql": {"database": "db"}}
    names = shorter[access.way.driver.target.partition(":")[0].partition(".")[0]]
    assert access.who(**{names.get(name, name): text for name, text in access.parts.items()}) == (USER, DATABASE)


def test_keywords_override_the_string(access: Access) -> None:
    conninfo = "host=nowhere.invalid port=1 user=nobody password=wrong database=none plugins=''"
    assert access.who(conninfo, **access.parts, plugins="failover") == (USER, DATABASE)


def test_what_the_string_says_holds_after_a_failover(access: Access) -> None:
    connection = access.connect(" ".join(f"{name}={quoted(text)}" for name, text in access.parts.items()))
    assert_all_holds_after_a_failover(access, connection)


def assert_all_holds_after_a_failover(access: Access, connection: Any) -> None:
    assert identity(connection) == (USER, DATABASE)
    access.cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert identity(connection) == (USER, DATABASE)
    assert instance_of(connection) == true_writer(access.cluster)


def test_a_connection_that_only_an_option_file_describes_survives_a_failover(access: Access, tmp_path: Path) -> None:
    password = "plain" if access.way.driver.name == "aiomysql" else PASSWORD  # it takes quotes off
    administrate(access.cluster, f"ALTER USER '{USER}' IDENTIFIED BY {quoted(password)}")
    options = tmp_path / "my.cnf"
    lines = {**access.parts, "password": password}
    options.write_text("[client]\n" + "".join(f"{name} = {text}\n" for name, text in lines.items()))
    name = "read_default_file" if access.way.driver.name == "aiomysql" else "option_files"
    assert_all_holds_after_a_failover(access, access.connect(**{name: str(options)}))


def test_several_hosts_are_refused_with_advice(access: Access) -> None:
    host = access.cluster.writer_endpoint
    for several in (f"host={host},{host}", f"mysql://{host}:1,{host}:2/app"):
        with pytest.raises(AwsWrapperError, match="Give one, best the cluster endpoint"):
            access.connect(several)
