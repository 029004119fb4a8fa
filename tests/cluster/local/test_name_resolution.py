"""The cluster's names, followed through a failover by each way of resolving them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from aws_advanced_python_wrapper.local.names import namespace
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile, probe_name

FOLLOW = """
import asyncio, socket, subprocess, sys, time
import psycopg
from aws_advanced_python_wrapper.local.cluster import LocalCluster

ASK = "select aurora_db_instance_identifier()"
CHILD = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"

async def ask(conninfo):
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        return (await (await connection.execute(ASK)).fetchone())[0]

def who(cluster, host):
    with psycopg.connect(cluster.conninfo(host=host)) as connection:
        return connection.execute(ASK).fetchone()[0]

with LocalCluster(instances=2, resolution=sys.argv[1], dns_delay=0.2) as cluster:
    assert cluster.resolution.mode == sys.argv[1], cluster.resolution
    old = cluster.writer
    for instance in cluster.instances:
        assert socket.gethostbyname(instance.host) == instance.address
        assert who(cluster, instance.host) == instance.name
    endpoint = cluster.writer_endpoint
    assert asyncio.run(ask(cluster.conninfo())) == old.name
    child = subprocess.check_output([sys.executable, "-c", CHILD, endpoint], text=True, timeout=60)
    assert child.strip() == old.address
    new = cluster.failover().new_writer
    deadline = time.monotonic() + 20
    while socket.gethostbyname(endpoint) == old.address:
        assert time.monotonic() < deadline, "the endpoint never moved"
        time.sleep(0.01)
    assert who(cluster, endpoint) == str(new)
    print("followed")
"""


def run(code: str, *arguments: str, **extra: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        **extra,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


@pytest.mark.parametrize("mode", ["namespace", "hook"])
def test_names_follow_a_failover(mode: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    hosts = HostsFile.create(tmp_path_factory.mktemp("names") / "hosts").path
    obstacle = namespace.obstacle(hosts, probe_name(hosts), this_process=False)
    if mode == "namespace" and obstacle:
        pytest.skip(f"no mount namespace here: {obstacle}")
    assert run(FOLLOW, mode) == "followed"


@pytest.mark.skipif(os.geteuid() != 0, reason="root can become a normal user; a normal user tests itself")
def test_names_follow_a_failover_for_a_normal_user() -> None:
    try:
        run("", user=65534, group=65534, extra_groups=[])
    except (PermissionError, AssertionError):
        pytest.skip("this Python cannot be run as another user")
    environment = {**os.environ, "HOME": "/tmp"}  # noqa: S108 - nobody has no home
    mode = run(
        "from aws_advanced_python_wrapper.local import names_here; print(names_here.enter('auto').mode)",
        user=65534,
        group=65534,
        extra_groups=[],
        env=environment,
    )
    assert run(FOLLOW, mode, user=65534, group=65534, extra_groups=[], env=environment) == "followed"
