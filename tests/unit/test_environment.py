"""Environment variables and services tell where to connect, as they do for psycopg alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.catalogue import PURPOSES

if TYPE_CHECKING:
    from pathlib import Path

    from aws_advanced_python_wrapper.core.session import Session


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    services = tmp_path / "services.conf"
    services.write_text("[main]\nhost=from-service\nport=6001\nuser=servant\n[elsewhere]\nhost=other\nport=one\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))


def session(conninfo: str | None = "", **arguments: Any) -> Session:
    return run(session_for(psycopg.connect, conninfo, arguments, BlockingIo()))


@pytest.mark.parametrize(
    ("environment", "conninfo", "arguments", "leads_to"),
    [
        ({"PGHOST": "from-env"}, "", {}, "from-env:5432"),
        ({"PGHOST": "from-env", "PGPORT": "6002"}, "", {}, "from-env:6002"),
        ({"PGPORT": "6002"}, "host=given", {}, "given:6002"),
        ({"PGHOST": "from-env", "PGPORT": "6002"}, "port=6003", {}, "from-env:6003"),
        ({"PGHOST": "from-env", "PGPORT": "6002"}, "postgresql://given:6003", {}, "given:6003"),
        ({"PGHOST": "from-env", "PGPORT": "6002"}, "", {"host": "given", "port": 6003}, "given:6003"),
        ({}, "service=main", {}, "from-service:6001"),
        ({}, "postgresql://?service=main", {}, "from-service:6001"),
        ({}, None, {"service": "main"}, "from-service:6001"),
        ({"PGSERVICE": "main"}, "", {}, "from-service:6001"),
        ({"PGSERVICE": "elsewhere"}, "service=main", {}, "from-service:6001"),
        ({"PGHOST": "from-env", "PGPORT": "6002"}, "service=main", {}, "from-service:6001"),
        ({"PGHOST": "from-env"}, "service=main host=given", {}, "given:6001"),
        ({"PGPASSWORD": "x", "PGSSLMODE": "require", "PGPASSFILE": "/nowhere"}, "host=given", {}, "given:5432"),
    ],
)
def test_where_it_connects_is_found_in_libpqs_order(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    conninfo: str | None,
    arguments: dict[str, Any],
    leads_to: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = session(conninfo, **arguments)
    assert found.host.address == leads_to
    assert found.endpoint.host == leads_to.partition(":")[0]


@pytest.mark.parametrize(
    ("environment", "conninfo", "user"),
    [
        ({"PGUSER": "someone"}, "host=db", "someone"),
        ({"PGUSER": "someone"}, "host=db user=app", "app"),
        ({}, "service=main", "servant"),
    ],
)
def test_the_user_is_known_by_name(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], conninfo: str, user: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert session(conninfo).settings.user == user


def test_an_address_in_the_environment_is_only_for_the_host_it_was_given_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOSTADDR", "10.0.0.1")
    found = session("host=db")
    assert found.adapter.arguments(found.settings, "db", 5432)["hostaddr"] == "10.0.0.1"
    assert found.adapter.arguments(found.settings, "other", 5432)["hostaddr"] == ""


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_drivers_own_connections_heed_no_variable_that_shapes_the_programs_session(purpose: str) -> None:
    found = session("host=db options=-cwork_mem=1MB target_session_attrs=read-only")
    adapter = found.adapter
    settings = found.settings.for_monitoring(purpose, without=adapter.session_parameters, **adapter.neutral_parameters)
    arguments = adapter.arguments(settings, "db", 5432)
    assert arguments["options"] == ""
    assert arguments["target_session_attrs"] == "any"


def test_a_service_that_is_not_defined_is_psycopgs_own_error() -> None:
    with pytest.raises(psycopg.OperationalError, match='definition of service "mian" not found'):
        session("service=mian")


@pytest.mark.parametrize(
    ("environment", "conninfo", "message"),
    [
        ({}, "user=app", "No host to connect to: give host="),
        ({"PGHOST": "a,b"}, "", "host= names several endpoints"),
        ({"PGHOST": "a", "PGPORT": "6001,6002"}, "", "Parameter port"),
        ({"PGHOST": "a", "PGPORT": "70000"}, "", "Parameter port: '70000' is not accepted"),
        ({}, "service=elsewhere", "Parameter port: 'one' is not accepted"),
    ],
)
def test_what_cannot_be_connected_to_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], conninfo: str, message: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AwsWrapperError, match=message):
        session(conninfo)


def test_nothing_is_connected_to_and_no_password_file_read_to_find_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("*:*:*:*:secret\n")
    passwords.chmod(0o644)  # of which libpq would complain
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    session("host=nobody-there.invalid")
    assert capfd.readouterr().err == ""
