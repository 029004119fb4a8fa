"""The command `aws-driver-local`, as a user types it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError, places

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "aws_advanced_python_wrapper.local"]


def run(*arguments: str, status: int = 0) -> str:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def name() -> Iterator[str]:
    name = "cmd" + secrets.token_hex(3)
    yield name
    if places.running(name):
        LocalCluster.attach(name).stop()


def test_a_cluster_from_up_to_down(name: str) -> None:
    said = run("up", "--name", name, "--instances", "2")
    assert f"{name}.cluster-" in said
    assert "host=" in said
    assert "is up already" in run("up", "--name", name, status=1)
    shown = run("status", "--name", name)
    assert f"{name}-instance-1" in shown
    assert "writer" in shown
    assert f"{name}-instance-2 is the writer" in run("failover", "--name", name, "--wait", "all")
    run("add-reader", "--name", name)
    run("pause", "--name", name, f"{name}-instance-3")
    assert "paused" in run("status", "--name", name)
    run("resume", "--name", name, f"{name}-instance-3")
    run("reboot", "--name", name, f"{name}-instance-1")
    run("remove-reader", "--name", name, f"{name}-instance-3")
    assert "no instance 'nobody'" in run("failover", "--name", name, "--to", "nobody", status=1)
    program = (
        "import psycopg; print(psycopg.connect('').execute('select aurora_db_instance_identifier()').fetchone()[0])"
    )
    assert f"{name}-instance-2" in run("run", "--name", name, "--", sys.executable, "-c", program)
    directory = LocalCluster.attach(name).directory
    run("down", "--name", name)
    assert not directory.exists()
    assert "no cluster" in run("status", "--name", name, status=1)


def test_sign_in_can_be_rehearsed(name: str) -> None:
    said = run("up", "--name", name, "--instances", "1", "--iam", "--iam-user", "tom")
    cluster = LocalCluster.attach(name)
    for text in ("user=tom plugins=iam", f"secrets_manager_secret_id={name}-admin", cluster.aws.endpoint, "us-east-2"):
        assert text in said
        assert text in run("status", "--name", name)
    assert cluster.aws.secret_access_key not in said
    program = f"""
import botocore.session, json, os
client = botocore.session.Session().create_client("secretsmanager")
found = json.loads(client.get_secret_value(SecretId="{name}-admin")["SecretString"])
print("the same" if found["password"] == os.environ["PGPASSWORD"] else "another")
"""
    assert "the same" in run("run", "--name", name, "--", sys.executable, "-c", program)
    assert cluster.aws.calls() == {"secretsmanager:GetSecretValue": 1}
    cluster.aws.rotate_secret(pause_after="setSecret")
    assert LocalCluster.attach(name).aws.secret(stage="AWSPENDING")["password"] != cluster.password
    run("down", "--name", name)


@pytest.mark.parametrize("way", ["auto", "hook"])
def test_run_brings_its_own_cluster_and_passes_the_status_on(name: str, way: str) -> None:
    program = "import os, socket, sys; print('at', socket.gethostbyname(os.environ['PGHOST'])); sys.exit(7)"
    starting = ["run", "--name", name, "--instances", "1", "--resolution", way]
    said = run(*starting, "--", sys.executable, "-c", program, status=7)
    assert "at 127." in said
    assert "names resolve by" in said
    assert not list(places.base().glob(f"{name}-*"))


def test_run_tells_how_to_connect(name: str) -> None:
    program = "import os, psycopg; psycopg.connect(os.environ['AWS_DRIVER_LOCAL_CONNINFO']).close(); print('fine')"
    assert "fine" in run(
        "run", "--name", name, "--instances", "1", "--deployment", "plain", "--", sys.executable, "-c", program
    )


def test_a_program_that_does_not_exist(name: str) -> None:
    done = subprocess.run(
        [*COMMAND, "run", "--name", name, "--instances", "1", "--", "no-such-program"],
        capture_output=True,
        check=False,
        timeout=90,
    )
    assert done.returncode in (1, 127)
    assert "say which program" in run("run", "--name", name, status=1)


def test_what_a_killed_cluster_leaves_is_said_and_removed(name: str) -> None:
    run("up", "--name", name, "--instances", "1")
    cluster = LocalCluster.attach(name)
    place = places.running(name)[0]
    supervisor = place.read_card()["pid"]
    for pid in [*reapers_of(str(place.directory)), supervisor]:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(LocalClusterError):
        cluster.status()
    assert "what is left of one" in run("status", "--name", name, status=1)
    assert "removing what is left" in run("up", "--name", name, "--instances", "1")
    run("down", "--name", name)


def reapers_of(directory: str) -> list[int]:
    out = subprocess.check_output(["ps", "-ww", "-eo", "pid,args"], text=True, timeout=60)  # noqa: S607
    return [int(line.split()[0]) for line in out.splitlines() if "local.reaper" in line and directory in line]
