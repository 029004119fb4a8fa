"""The command `aws-driver-local` with MySQL servers."""

from __future__ import annotations

import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError, places
from aws_advanced_python_wrapper.local.mysql.installation import have_server

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = """
import os, mysql.connector
connection = mysql.connector.connect(
    host=os.environ["MYSQL_HOST"],
    port=os.environ["MYSQL_TCP_PORT"],
    user=os.environ["MYSQL_USER"],
    password=os.environ["MYSQL_PWD"],
    database=os.environ["MYSQL_DATABASE"],
)
cursor = connection.cursor()
cursor.execute("SELECT @@aurora_server_id")
print("at", cursor.fetchone()[0])
"""

WITH_A_URL = """
import os, mysql.connector
from urllib.parse import unquote, urlsplit
from aws_advanced_python_wrapper import AwsWrapperConnection
url = os.environ["AWS_DRIVER_LOCAL_CONNINFO"]
assert unquote(urlsplit(url).password) == os.environ["MYSQL_PWD"]
with AwsWrapperConnection.connect(mysql.connector.connect, url) as connection:
    print("in", connection.database)
"""


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "aws_advanced_python_wrapper.local", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    try:
        have_server(print)
    except LocalClusterError as error:
        pytest.skip(str(error))


@pytest.fixture
def name() -> Iterator[str]:
    name = "cmd" + secrets.token_hex(3)
    yield name
    if places.running(name):
        LocalCluster.attach(name).stop()


def test_get_mysql_says_which_server_there_is() -> None:
    assert "is here" in run("get-mysql")


def test_a_cluster_from_up_to_down(name: str) -> None:
    said = run("up", "--name", name, "--engine", "mysql", "--instances", "2")
    assert "ssl_verify_identity=true" in said
    assert "sslmode" not in said
    assert "connect  mysql://admin:" in said
    assert f"{name}: MySQL" in run("status", "--name", name)
    assert f"at {name}-instance-1" in run("run", "--name", name, "--", sys.executable, "-c", CLIENT)
    assert f"{name}-instance-2 is the writer" in run("failover", "--name", name)
    run("down", "--name", name)
    assert not places.running(name)


def test_run_brings_its_own_cluster(name: str) -> None:
    starting = ["run", "--name", name, "--engine", "mysql", "--instances", "1"]
    assert f"at {name}-instance-1" in run(*starting, "--", sys.executable, "-c", CLIENT)
    assert not list(places.base().glob(f"{name}-*"))


def test_a_program_finds_a_url_in_its_environment(name: str) -> None:
    starting = ["run", "--name", name, "--engine", "mysql", "--instances", "1", "--password", "a/b@c'd%41 e"]
    assert "in app" in run(*starting, "--", sys.executable, "-c", WITH_A_URL)
