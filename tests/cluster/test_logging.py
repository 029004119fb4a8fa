"""The log: the user guide's configuration works, it tells a failover's story in a few lines, and it keeps secrets."""

from __future__ import annotations

import logging
import re
import subprocess
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError, release_resources
from aws_advanced_python_wrapper.driver_configuration_profiles import DriverConfigurationProfiles
from aws_advanced_python_wrapper.parameters.catalogue import PURPOSES
from cluster import programs
from cluster.engines import POSTGRESQL
from cluster.support import Background, login_role, value
from cluster.ways import WAYS, Way
from support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.values import Failover, FailoverKind
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("postgresql", "mysql-c", "mysql-pure", "mysql-aio")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "logging.md"
OURS = "aws_advanced_python_wrapper"
LOGGER = f"{OURS}.failover_plugin"
CONNECTORS = " - mysql.connector - "


class Records(logging.Handler):
    """Everything that is logged in this process, at all levels, as somebody might write it down."""

    def __init__(self) -> None:
        super().__init__(1)
        self.all: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)

    @property
    def ours(self) -> list[logging.LogRecord]:
        return [record for record in self.all if record.name.startswith(OURS)]

    @property
    def story(self) -> list[str]:
        return [record.getMessage() for record in self.all if record.name == LOGGER]

    @property
    def texts(self) -> list[str]:
        return [logging.Formatter().format(record) + repr(vars(record)) for record in self.all]


@pytest.fixture
def records() -> Iterator[Records]:
    records, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(records)
    root.setLevel(1)
    yield records
    root.removeHandler(records)
    root.setLevel(level)


def assert_tells_the_story(lines: list[str], failover: Failover) -> None:
    old, new = failover.old_writer, failover.new_writer
    story = [
        rf"lost the connection to {old}\S+:\d+ \(.+\)(, in a transaction)?; failing over, mode strict_writer",
        r"asking who they are: \S+-instance-1, \S+-instance-2, \S+-instance-3",
        rf"answers: .*{new} is the writer.*; took \d+\.\d+ s",
        rf"connected to {new}\S+, which is the writer; took \d+\.\d+ s",
        rf"moved the session to {new}\S+, with its state; took \d+\.\d+ s",
        rf"failed over from {old}\S+ to {new}\S+ in \d+\.\d+ s: the program gets FailoverSuccessError",
    ]
    remaining = iter(lines)
    missing = [pattern for pattern in story if not any(re.search(pattern, line) for line in remaining)]
    assert not missing, "\n".join(["not told, or not in this order:", *missing, "but:", *lines])
    assert len(lines) <= 12, "\n".join(lines)


@pytest.mark.parametrize("kind", ["crash", "graceful", "hang"])
def test_a_failover_is_told_in_a_dozen_lines_and_none_is_a_warning(
    cluster: LocalCluster, connect: Connect, records: Records, kind: FailoverKind
) -> None:
    connection = connect(cluster, failure_detection_time_ms=300, failure_detection_interval_ms=300)
    already = len(records.story)
    failover = cluster.failover(kind=kind)
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert_tells_the_story(records.story[already:], failover)
    assert [record.getMessage() for record in records.ours if record.levelno > logging.INFO] == []


def test_calls_that_wait_for_a_host_that_hangs_are_no_warning_either(
    cluster: LocalCluster, connect: Connect, driver: Driver, records: Records
) -> None:
    connection = connect(cluster, failure_detection_time_ms=200, failure_detection_interval_ms=200)
    cluster.set_delays(hang_detection=3)
    failover = Background(cluster.failover, kind="hang")
    with pytest.raises(FailoverSuccessError):
        value(connection, driver.engine.sleep.format(30))
    failover.result()
    assert [record.getMessage() for record in records.ours if record.levelno > logging.INFO] == []
    assert any("has not answered" in record.getMessage() for record in records.ours)


def test_a_failover_that_fails_is_a_warning_with_the_reasons(
    cluster: LocalCluster, connect: Connect, driver: Driver, records: Records
) -> None:
    connection = connect(cluster, failover_timeout_sec=0.5)
    for instance in cluster.instances:
        cluster.kill(instance)
    with pytest.raises(driver.module.OperationalError):
        value(connection, "SELECT 1")
    (warning,) = [record.getMessage() for record in records.ours if record.levelno > logging.INFO]
    assert re.search(r"could not fail over from \S+, after 0\.\d+ s: .*instance-3\S+: .*(refused|111)", warning)
    first, second, _ = (instance.name for instance in cluster.instances)
    assert re.search(rf"none from {first} \(.*([Rr]efused|111).*\), {second}", records.story[-2])


PROGRAM = """
    import logging.config

    logging.config.fileConfig(words[0], disable_existing_loggers=False)
    connection = connect()
    print("ready", flush=True)
    input()
    try:
        ask(connection, "SELECT 1")
    except FailoverSuccessError:
        logging.info("the program goes on")
    connection.close()
    """


@pytest.mark.drivers("postgresql", "mysql-c", "mysql-pure")
def test_the_configuration_of_the_user_guide_shows_the_failover_and_nothing_else(
    cluster: LocalCluster, driver: Driver, tmp_path: Path
) -> None:
    (text,) = re.findall(r"^```ini\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    configuration = tmp_path / "logging.conf"
    configuration.write_text(text)
    command = programs.command(PROGRAM, cluster.conninfo(), driver, configuration)
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            before = list(iter(process.stdout.readline, "ready\n"))
            failover = cluster.failover()
            shown, _ = process.communicate("go on\n", PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0
    # Pure Python of MySQL's connector tells of logins, as everybody else may in this configuration.
    before = [line for line in before if CONNECTORS not in line]
    *lines, last = [line for line in shown.splitlines() if CONNECTORS not in line]
    shape = re.compile(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} - {re.escape(LOGGER)} - (DEBUG|INFO) - (.+)")
    assert [line for line in (*before, *lines) if not shape.match(line)] == []
    assert_tells_the_story(lines, failover)
    assert last.endswith(" - root - INFO - the program goes on")


# Secrets

MARK = "0pens3same"
PASSWORD = f"o'{MARK}% @:/?#[]20&'\"\\ ü"
"""It has to be quoted, escaped or encoded, except in the middle: that is what must not be found."""


EVERY_PLUGIN = (
    "aurora_connection_tracker,failover,host_monitoring,read_write_splitting,fastest_response_strategy,"
    "connect_time,execute_time"
)


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    found.driver.skip_if_missing()
    return found


@pytest.fixture
def its_cluster(request: pytest.FixtureRequest, way: Way) -> LocalCluster:
    release_resources()
    healthy: LocalCluster = request.getfixturevalue(f"healthy_aurora_{way.driver.engine.name}")
    return healthy


@pytest.fixture
def connect_by(way: Way) -> Iterator[Callable[..., Any]]:
    """Return a function that takes a connection string and parameters, and leaves the password to them."""
    with way.opener(topology_refresh_ms=50) as connect:
        yield connect


@dataclass(frozen=True)
class Login:
    """Who logs in where, by which driver."""

    cluster: LocalCluster
    driver: Driver
    user: str
    password: str

    @property
    def pairs(self) -> str:
        """A connection string without the password."""
        cluster = self.cluster
        place = f"host={cluster.writer_endpoint} port={cluster.port} user={self.user}"
        return f"{place} {'dbname' if self.driver.engine is POSTGRESQL else 'database'}={cluster.database}"

    def forms(self, folder: Path, environment: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        """Return connection strings and keywords, in each of which the password is given in another way."""
        keyword, scheme, cluster = {"password": self.password}, self.driver.engine.name, self.cluster
        quoted = "'" + self.password.replace("\\", "\\\\").replace("'", "\\'") + "'"
        encoded = quote(self.password, safe="")
        url = f"{cluster.writer_endpoint}:{cluster.port}/{cluster.database}"
        DriverConfigurationProfiles.add_or_replace_profile("keeper", EVERY_PLUGIN, **keyword)
        return [
            (self.pairs, keyword),
            (f"{self.pairs} password={quoted}", {}),
            (f"{scheme}://{self.user}:{encoded}@{url}", {}),
            (f"{scheme}://{self.user}@{url}?password={encoded}", {}),
            (self.pairs, {**keyword, **{f"{purpose}password": self.password for purpose in PURPOSES}}),
            (self.pairs, {"profile_name": "keeper"}),
            *(self._of_libpq(folder, environment) if self.driver.engine is POSTGRESQL else self._of_mysql()),
        ]

    def _of_libpq(self, folder: Path, environment: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        passwords = folder / "passwords"
        passwords.touch(mode=0o600)
        passwords.write_text("*:*:*:*:" + self.password.replace("\\", "\\\\").replace(":", "\\:") + "\n")
        keyword = {"password": self.password}
        environment.setenv("PGPASSWORD", self.password)
        return [
            (self.pairs, {"passfile": str(passwords)}),
            (self.pairs, {**keyword, "sslpassword": self.password}),
            (self.pairs, {**keyword, "options": f"-c app.secret={MARK}"}),
            (self.pairs, {}),
        ]

    def _of_mysql(self) -> list[tuple[str, dict[str, Any]]]:
        if self.driver.name == "aiomysql":
            return [(self.pairs, {"password": self.password, "init_command": f"SET @secret = '{MARK}'"})]
        return [(self.pairs, {"passwd": self.password}), (self.pairs, {"password1": self.password})]


def test_no_secret_is_logged(
    its_cluster: LocalCluster,
    way: Way,
    connect_by: Callable[..., Any],
    records: Records,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    driver = way.driver
    password = PASSWORD if driver.engine is POSTGRESQL else PASSWORD.removesuffix(" ü")  # aiomysql sends it as Latin-1
    with login_role(its_cluster, "keeper", password) as user:
        forms = Login(its_cluster, driver, user, password).forms(tmp_path, monkeypatch)
        connections = [connect_by(conninfo, **arguments) for conninfo, arguments in forms]
        its_cluster.failover(wait="all")
        for connection in connections:
            with pytest.raises(FailoverSuccessError) as outcome:
                value(connection, "SELECT 1")
            told += [*traceback.format_exception(outcome.value), repr(connection), str(connection)]
            connection.read_only = True
            value(connection, "SELECT 1")
            connection.close()
        for conninfo, arguments in Login(its_cluster, driver, user, password + "no").forms(tmp_path, monkeypatch):
            with pytest.raises((driver.module.Error, AwsWrapperError)) as refused:
                connect_by(conninfo, **arguments)
            told += traceback.format_exception(refused.value)
    assert len([text for text in records.story if "failed over" in text]) == len(forms)
    assert [text for text in (*records.texts, *told) if MARK in text] == []
