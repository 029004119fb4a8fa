"""What cannot work is refused at once, by whom it concerns, in words that help and without secrets."""

from __future__ import annotations

import logging
import socket
import time
import traceback
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import (
    AwsWrapperConnection,
    AwsWrapperError,
    Error,
    FailoverError,
    FailoverSuccessError,
)
from cluster.drivers import every_driver
from cluster.support import execute, value
from cluster.test_plain_databases import as_the_driver_takes_it, error_of

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

SECRET = "s3same-0pen"
DATABASE = {"postgresql": "dbname", "mysql": "database"}
DENIED = {"postgresql": "password authentication failed", "mysql": "Access denied"}


def refusal(connect: Connect, cluster: LocalCluster, host: str | None = None, **arguments: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - it is looked at by who asks for it
        connect(cluster, host, **arguments)
    return caught.value


# Refused by this driver, before anything is sent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"failover_timeout": 3}, r"Unknown .* parameter 'failover_timeout', did you mean 'failover_timeout_sec'"),
        ({"pasword": SECRET}, r"Unknown connection parameter 'pasword', did you mean 'password'\?"),
        ({"Plugins": "failover"}, r"Unknown connection parameter 'Plugins', did you mean 'plugins'\?"),
        ({"topology-monitoring-conect_timeout": 3}, r"did you mean 'connect_timeout'\?"),
        ({"plugins": "failovr"}, r"No plugin is called 'failovr', did you mean 'failover'\? There are: .*failover, "),
        ({"plugins": "failover,nothing_like_it"}, r"No plugin is called 'nothing_like_it'\. There are: .*failover, "),
        ({"plugins": "failover,none"}, "plugins: 'none' means that there are no plugins, so it stands alone"),
        ({"plugins": [int]}, r"<class 'int'> is not a subclass of Plugin or BlockingPlugin"),
        ({"wrapper_driver_dialect": "psycopgg"}, r"No driver dialect is called 'psycopgg', did you mean 'psycopg'\?"),
        ({"failover_mode": "strict"}, r"'strict' is not accepted, give one of strict_writer, strict_reader"),
        ({"failover_timeout_sec": "soon"}, r"failover_timeout_sec: 'soon' is not accepted, give a number of "),
        ({"failover_timeout_sec": -1}, r"Parameter failover_timeout_sec: -1 is not accepted, give .* above 0"),
        ({"failover_timeout_sec": "nan"}, r"Parameter failover_timeout_sec: 'nan' is not accepted"),
        ({"topology_refresh_ms": 0}, r"Parameter topology_refresh_ms: 0 is not accepted, give .* from 1"),
        ({"enable_failover": "perhaps"}, r"Parameter enable_failover: 'perhaps' is not accepted, give true or false"),
        ({"port": 70000}, r"Parameter port: 70000 is not accepted, give a whole number from 1 up to 65535"),
        ({"failover_reader_host_selector_strategy": "ramdom"}, r"'ramdom', did you mean 'random'\?"),
        ({"cluster_instance_host_pattern": "no-mark.example.com"}, r"cluster_instance_host_pattern"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_parameters_is_explained(
    cluster: LocalCluster, connect: Connect, arguments: dict[str, Any], message: str
) -> None:
    error = refusal(connect, cluster, **{"plugins": "failover", **arguments})
    assert isinstance(error, AwsWrapperError)
    with pytest.raises(AwsWrapperError, match=message):
        raise error


DIALECTS = {"postgresql": "aurora-pg", "mysql": "aurora-mysql"}


def test_a_misspelt_dialect_is_explained(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    engine = driver.engine.name
    error = refusal(connect, cluster, wrapper_dialect=f"{DIALECTS[engine]}l")
    assert isinstance(error, AwsWrapperError)
    expected = f"No database dialect of {engine} is called '{DIALECTS[engine]}l', did you mean '{DIALECTS[engine]}'?"
    assert str(error).startswith(expected)


def test_a_dialect_of_another_engine_is_explained(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    engine = driver.engine.name
    (other,) = DIALECTS.keys() - {engine}
    error = refusal(connect, cluster, wrapper_dialect=DIALECTS[other])
    assert isinstance(error, AwsWrapperError)
    assert f"No database dialect of {engine} is called '{DIALECTS[other]}'" in str(error)
    assert DIALECTS[engine] in str(error)


@pytest.mark.parametrize("is_known", [False, True], ids=["new cluster", "known cluster"])
def test_a_dialect_that_the_server_does_not_speak_is_explained(
    cluster: LocalCluster, connect: Connect, driver: Driver, is_known: bool
) -> None:
    if is_known:
        connect(cluster)
    dialect = {"postgresql": "multi-az-pg", "mysql": "multi-az-mysql"}[driver.engine.name]
    error = refusal(connect, cluster, wrapper_dialect=dialect)
    assert isinstance(error, AwsWrapperError)
    assert str(error).startswith(f"Parameter wrapper_dialect: the server at {cluster.writer_endpoint}:{cluster.port} ")
    assert f"'{dialect}'" in str(error)
    assert "Leave it out" in str(error)
    assert isinstance(error.__cause__, driver.module.ProgrammingError)


def assert_malformed(driver: Driver, conninfo: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message) as caught:
        AwsWrapperConnection.connect(driver.connect, conninfo, **driver.arguments)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("conninfo", "message"),
    [
        ("host=", "No host to connect to"),
        (f"host=db password={SECRET} {SECRET}", "position 30: expected '='|position .*: expected"),
        (f"host=db password='{SECRET}", "expected a single quote that closes the one at position"),
        ("jdbc:postgresql://db/app", "Connection string"),
    ],
)
def test_a_malformed_connection_string_is_explained_without_its_text(
    driver: Driver, conninfo: str, message: str
) -> None:
    assert_malformed(driver, conninfo, message)


@pytest.mark.drivers("postgresql")
@pytest.mark.parametrize(
    ("conninfo", "message"),
    [
        ("dbname=app", "No host to connect to: give host=, best the cluster endpoint"),
        ("", "No host to connect to"),
        (f"postgresql://user:{SECRET}%zz@db/app", "expected two hexadecimal digits"),
        (f"postgresql://user:{SECRET}@x@db/app", "expected one '@' only before the host"),
        (f"mysql://user:{SECRET}@db/app", "a URL that begins so is for mysql, and psycopg is a driver for postgresql"),
    ],
)
def test_a_malformed_connection_string_for_postgresql_is_explained(driver: Driver, conninfo: str, message: str) -> None:
    assert_malformed(driver, conninfo, message)


@pytest.mark.drivers("mysql")
@pytest.mark.parametrize(
    ("conninfo", "message"),
    [
        (f"mysql://user:{SECRET}%zz@db/app", "expected two hexadecimal digits"),
        (f"mysql://user:{SECRET}@x@db/app", "expected one '@' only before the host"),
        (f"postgresql://user:{SECRET}@db/app", "a URL that begins so is for postgresql, and .* is a driver for mysql"),
    ],
)
def test_a_malformed_connection_string_for_mysql_is_explained(driver: Driver, conninfo: str, message: str) -> None:
    assert_malformed(driver, conninfo, message)


@pytest.mark.drivers("postgresql")
@pytest.mark.parametrize("target", [None, "psycopg", 3])
def test_a_missing_connect_function_is_explained(cluster: LocalCluster, target: Any) -> None:
    with pytest.raises(AwsWrapperError, match=r"connect function first, such as psycopg\.Connection\.connect"):
        AwsWrapperConnection.connect(target, cluster.conninfo())


def test_a_connect_function_of_nobody_knows_which_driver_is_explained(cluster: LocalCluster, driver: Driver) -> None:
    def mine(**arguments: Any) -> Any:
        return driver.connect(**{**driver.arguments, **arguments})

    with pytest.raises(AwsWrapperError, match="name the driver with wrapper_driver_dialect"):
        AwsWrapperConnection.connect(mine, cluster.conninfo())
    code = {"postgresql": "psycopg", "mysql": "mysql-connector-python"}[driver.engine.name]
    connection = AwsWrapperConnection.connect(mine, cluster.conninfo(), wrapper_driver_dialect=code)
    with closing(connection):
        assert value(connection, "SELECT 1") == 1


# Refused by the network or the server: the driver's own error, as without this one


def assert_as_the_driver_says_it(
    connect: Connect, cluster: LocalCluster, driver: Driver, wrong: dict[str, Any], **settings: Any
) -> Exception:
    arguments = dict(wrong)
    host = arguments.pop("host", None)
    bare = error_of(lambda: driver.connect(**as_the_driver_takes_it(driver, cluster, wrong)))
    began = time.monotonic()
    error = refusal(connect, cluster, host, **settings, **arguments)
    assert time.monotonic() - began < 20
    assert type(error) is type(bare)
    assert not isinstance(error, Error)
    for detail in ("sqlstate", "errno"):
        assert getattr(error, detail, None) == getattr(bare, detail, None)
    assert without_ports(str(error)) == without_ports(str(bare))
    return error


def without_ports(text: str) -> list[str]:
    return [word for word in text.split() if "@" not in word]


plugins = pytest.mark.parametrize("plugins", ["failover", ""])


@plugins
@pytest.mark.parametrize("host", ["nobody-there.invalid", "gone.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com"])
def test_a_host_that_does_not_resolve(
    cluster: LocalCluster, connect: Connect, driver: Driver, host: str, plugins: str
) -> None:
    assert_as_the_driver_says_it(connect, cluster, driver, {"host": host}, plugins=plugins)


@plugins
@pytest.mark.parametrize("host", ["127.0.0.1", "writer endpoint", "instance endpoint"])
def test_a_closed_port(cluster: LocalCluster, connect: Connect, driver: Driver, host: str, plugins: str) -> None:
    names = {"writer endpoint": cluster.writer_endpoint, "instance endpoint": cluster.writer.host}
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    wrong = {"host": names.get(host, host), "port": port}
    assert_as_the_driver_says_it(connect, cluster, driver, wrong, plugins=plugins)


def test_a_closed_port_with_failover_at_connect_where_the_cluster_is_unknown(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    cluster.writer.proxy.refuse()
    wrong = {"host": cluster.writer.host}
    assert_as_the_driver_says_it(connect, cluster, driver, wrong, enable_connect_failover=True)


@plugins
def test_a_wrong_password(cluster: LocalCluster, connect: Connect, driver: Driver, plugins: str) -> None:
    error = assert_as_the_driver_says_it(connect, cluster, driver, {"password": SECRET}, plugins=plugins)
    assert DENIED[driver.engine.name] in str(error)
    assert SECRET not in str(error)


def test_a_wrong_password_in_a_process_that_knows_the_cluster(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster)
    error = assert_as_the_driver_says_it(connect, cluster, driver, {"password": SECRET})
    assert DENIED[driver.engine.name] in str(error)
    assert value(connection, "SELECT 1") == 1


def test_a_wrong_password_with_failover_at_connect(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connect(cluster)
    error = assert_as_the_driver_says_it(connect, cluster, driver, {"password": SECRET}, enable_connect_failover=True)
    assert not isinstance(error, FailoverError)


@plugins
def test_an_unknown_database(cluster: LocalCluster, connect: Connect, driver: Driver, plugins: str) -> None:
    wrong = {DATABASE[driver.engine.name]: "nowhere"}
    error = assert_as_the_driver_says_it(connect, cluster, driver, wrong, plugins=plugins)
    assert "nowhere" in str(error)


def test_an_unknown_user(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    assert_as_the_driver_says_it(connect, cluster, driver, {"user": "nobody"})


@pytest.mark.drivers("postgresql")
@pytest.mark.parametrize(
    "parameters",
    [{"sslmode": "impossible"}, {"sslrootcert": "/nowhere", "sslmode": "verify-full"}, {"gssencmode": "x"}],
)
def test_what_only_libpq_can_judge(
    cluster: LocalCluster, connect: Connect, driver: Driver, parameters: dict[str, str]
) -> None:
    assert_as_the_driver_says_it(connect, cluster, driver, parameters)


@pytest.mark.drivers("mysql-c", "mysql-pure", "mysql-aio")
@pytest.mark.parametrize(
    "parameters",
    [
        {"ssl_ca": "/nowhere", "ssl_cert": "/nowhere", "ssl_key": "/nowhere", "ssl_verify_cert": True},
        {"charset": "no_such_thing"},
    ],
    ids=str,
)
def test_what_only_mysql_connector_can_judge(
    cluster: LocalCluster, connect: Connect, driver: Driver, parameters: dict[str, Any]
) -> None:
    assert_as_the_driver_says_it(connect, cluster, driver, parameters)


# Secrets


def test_no_password_is_ever_shown(cluster: LocalCluster, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    password = cluster.password
    connection = connect(cluster, **{"topology_refresh_ms": 50, "topology-monitoring-password": password})
    cluster.failover(wait="all")
    with pytest.raises(FailoverSuccessError) as caught:
        execute(connection, "SELECT 1")
    shown = "".join(traceback.format_exception(caught.value))
    session = connection._session
    things = [connection, connection.cursor(), session, session.settings, session.cluster, session.credentials]
    texts = [shown, caplog.text, *map(repr, things), *map(str, things), repr(vars(session.cluster or session))]
    refused = refusal(connect, cluster, password=SECRET)
    texts += [str(refused), repr(refused), caplog.text]
    assert "failing over" in caplog.text
    assert not [text for text in texts if password in text or SECRET in text]
