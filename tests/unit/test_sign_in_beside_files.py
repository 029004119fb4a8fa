"""Plugins that sign in, and what libpq's services, option files and the environment tell the drivers."""

from __future__ import annotations

import asyncio
import getpass
import os
from typing import TYPE_CHECKING, Any

import aiomysql
import mysql.connector
import psycopg
import pytest

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest, SignInError
from aws_advanced_python_wrapper.deadline import Deadline
from support.secrets import secret

if TYPE_CHECKING:
    from pathlib import Path

    from aws_advanced_python_wrapper.core.session import Session
    from support.aws_api import Aws

HOST = "db.c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
OF_SECRET: dict[str, Any] = {"host": "secret.example.com", "port": 6000, "dbname": "shop"}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    services = tmp_path / "services.conf"
    services.write_text(f"[main]\nhost={HOST}\nport=6001\nuser=servant\ndbname=mine\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))


@pytest.fixture
def option_file(tmp_path: Path) -> str:
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\nhost={HOST}\nport=6001\nuser=servant\ndatabase=mine\n")
    return str(file)


def session(connect: Any, **arguments: Any) -> Session:
    if connect is aiomysql.connect:
        return asyncio.run(session_for(connect, "", arguments, AsyncioIo(), asynchronous=True))
    return run(session_for(connect, "", arguments, BlockingIo()))


def with_secret(aws: Aws, connect: Any, **arguments: Any) -> Session:
    name = aws.put_secret(secret(**OF_SECRET))
    return session(connect, plugins="aws_secrets_manager", secrets_manager_secret_id=name, **arguments)


@pytest.mark.parametrize("is_in_environment", [True, False])
def test_a_service_tells_where_to_connect_and_not_the_secret(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, is_in_environment: bool
) -> None:
    if is_in_environment:
        monkeypatch.setenv("PGSERVICE", "main")
    found = with_secret(aws, psycopg.connect, **({} if is_in_environment else {"service": "main"}))
    assert (found.settings.host, found.settings.port) == (HOST, 6001)
    assert "dbname" not in found.settings.driver, "the secret's would count more than the service's"


@pytest.mark.parametrize("name", ["option_files", "read_default_file"])
def test_an_option_file_tells_where_to_connect_and_not_the_secret(aws: Aws, option_file: str, name: str) -> None:
    found = with_secret(aws, mysql.connector.connect, **{name: option_file})
    assert (found.settings.host, found.settings.port) == (HOST, 6001)
    assert found.settings.driver["database"] == "mine"


def test_so_does_the_file_that_aiomysql_reads(aws: Aws, option_file: str) -> None:
    found = with_secret(aws, aiomysql.connect, read_default_file=option_file)
    assert (found.settings.host, found.settings.port) == (HOST, 6001)


def test_the_secret_counts_more_than_single_variables(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", HOST)
    found = with_secret(aws, psycopg.connect)
    assert (found.settings.host, found.settings.port) == ("secret.example.com", 6000)


def test_the_operating_systems_user_is_not_taken_for_one_that_was_given(aws: Aws) -> None:
    del aws
    with pytest.raises(SignInError, match="give user="):
        _token(session(psycopg.connect, plugins="iam", host=HOST))


@pytest.mark.parametrize(
    ("environment", "given", "user"),
    [
        ({}, {"user": getpass.getuser()}, getpass.getuser()),
        ({"PGUSER": "jane"}, {}, "jane"),
        ({"PGSERVICE": "main"}, {}, "servant"),
        ({}, {"service": "main"}, "servant"),
    ],
)
def test_a_user_that_was_given_anywhere_signs_in(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], given: dict[str, str], user: str
) -> None:
    del aws
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _token(session(psycopg.connect, plugins="iam", host=HOST, **given)).user == user


def _token(found: Session) -> Any:
    assert found.sign_in is not None
    request = CredentialsRequest(found.io, found.settings, found.host, Deadline.after(20))
    return run(found.sign_in.credentials(request))
