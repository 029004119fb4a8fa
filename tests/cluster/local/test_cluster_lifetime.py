"""Whatever ends a cluster: no process, file or shared memory of it is left."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError, launch, places
from aws_advanced_python_wrapper.local.mysql import obtain
from cluster.local.plainly import each_engine, servers
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.drivers import Driver

SYSTEM_POSTGRESQL = Path("/usr/lib/postgresql/15/bin")

OWNER = """
import json, sys
from aws_advanced_python_wrapper.local import LocalCluster
cluster = LocalCluster(instances=2, name=sys.argv[1], resolution="none", **json.loads(sys.argv[2]))
cluster.start()
print(json.dumps([str(cluster.directory), cluster._card["pid"]]), flush=True)
sys.stdin.read()
"""


def processes_of(directory: str) -> list[str]:
    """Return the command lines that mention the cluster's directory, or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                place = str((entry / "cwd").readlink())
            except OSError:
                continue
            if directory in text or place.startswith(directory):
                found.append(text)
    return found


def shared_memory_ids() -> set[int]:
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {int(line.split()[1]) for line in lines}


def segments_of(directory: Path) -> set[int]:
    """Return the ids of the shared memory of PostgreSQL's servers; MySQL's have none."""
    files = directory.glob("nodes/*/postmaster.pid")
    return {int(file.read_text().splitlines()[6].split()[1]) for file in files}


def first_processes_of(directory: Path) -> list[int]:
    files = [*directory.glob("nodes/*/postmaster.pid"), *directory.glob("nodes/*/pid")]
    return [int(file.read_text().split()[0]) for file in files]


class Owner:
    """A program that owns a cluster."""

    def __init__(self, name: str, engine: str) -> None:
        command = [sys.executable, "-c", OWNER, name, json.dumps(servers(engine))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        directory, self.supervisor = json.loads(self.process.stdout.readline())
        self.directory = Path(directory)
        self.segments = segments_of(self.directory)
        assert len(self.segments) == (2 if engine == "postgresql" else 0)
        assert len(first_processes_of(self.directory)) == 2
        assert self.segments <= shared_memory_ids()

    def left(self) -> list[Any]:
        hosts = [str(path) for path in places.base().glob(f"hosts-{self.process.pid}-*")]
        remains = [str(self.directory)] if self.directory.exists() else []
        return [*processes_of(str(self.directory)), *remains, *hosts, *(self.segments & shared_memory_ids())]

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


@pytest.fixture(params=["postgresql", "mysql"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    owner = Owner("lifetime", request.param)
    yield owner
    owner.close()


@pytest.mark.parametrize(
    "ways",
    [
        ["owner"],
        ["supervisor"],
        ["owner", "supervisor"],
        ["supervisor", "owner"],
        ["end of input"],
        ["frozen", "supervisor"],
    ],
    ids=" and ".join,
)
def test_nothing_is_left(owner: Owner, ways: list[str]) -> None:
    for way in ways:
        if way == "owner":
            owner.process.kill()
        elif way == "supervisor":
            os.kill(owner.supervisor, signal.SIGKILL)
        elif way == "frozen":
            for process in first_processes_of(owner.directory):
                os.kill(process, signal.SIGSTOP)
        elif owner.process.stdin:
            owner.process.stdin.close()
    if ways == ["supervisor"] or "frozen" in ways:
        eventually(lambda: not owner.directory.exists())
        owner.process.kill()  # its hosts file lives as long as it does
        owner.process.wait(PATIENCE)
        for path in places.base().glob(f"hosts-{owner.process.pid}-*"):
            assert not places.is_locked(path / "lock")
        places.new_hosts_directory()  # sweeps what killed owners left
    owner.process.wait(PATIENCE)
    eventually(lambda: not owner.left())


def test_a_supervisor_that_is_stuck_is_given_up_and_the_advice_helps(owner: Owner) -> None:
    os.kill(owner.supervisor, signal.SIGSTOP)
    control = launch.Control(places.Place(owner.directory).socket, patience=0.2)
    with pytest.raises(LocalClusterError, match=f"process {owner.supervisor}, did not .* Kill it with SIGKILL"):
        control.call("status")
    os.kill(owner.supervisor, signal.SIGKILL)
    eventually(lambda: not owner.directory.exists())
    owner.process.kill()
    owner.process.wait(PATIENCE)
    places.new_hosts_directory()  # sweeps what killed owners left
    eventually(lambda: not owner.left())


@each_engine
def test_stop_returns_when_nothing_is_left(driver: Driver) -> None:
    cluster = LocalCluster(instances=2, resolution="none", name="stopped", **servers(driver.engine.name))
    with cluster:
        directory = cluster.directory
        segments = segments_of(directory)
    assert not directory.exists()
    assert not processes_of(str(directory))
    assert not segments & shared_memory_ids()
    cluster.stop()  # a second time is harmless
    with pytest.raises(LocalClusterError, match="the cluster is not up"):
        cluster.failover()


def test_a_cluster_that_cannot_start_says_why_and_leaves_nothing() -> None:
    before = set(places.base().glob("broken-*"))
    cluster = LocalCluster(instances=1, name="broken", resolution="none", server_settings={"shared_buffers": "lots"})
    with pytest.raises(LocalClusterError, match='invalid value for parameter "shared_buffers"'):
        cluster.start()
    assert set(places.base().glob("broken-*")) == before
    with pytest.raises(LocalClusterError, match="has no postgres"):
        LocalCluster(postgres_bin="/nowhere", resolution="none").start()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("Ver 10.11.6-MariaDB for Linux on x86_64", "is MariaDB 10.11.6: .*get-mysql' fetches MySQL, or give"),
        (
            "Ver 5.7.44 for Linux on x86_64 (MySQL Community Server)",
            "is MySQL 5.7.44: .* give mysql_bin a server of MySQL, 8.0.26 or newer",
        ),
        ("something else", "is no MySQL server that user"),
    ],
)
def test_a_mysql_server_that_cannot_be_used_is_named(said: str, complaint: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        pretender = Path(place, "mysqld")
        pretender.write_text(f"#!/bin/sh\necho '{said}'\n")
        for path in (Path(place), pretender):
            path.chmod(0o755)
        with pytest.raises(LocalClusterError, match=complaint):
            LocalCluster(engine="mysql", mysql_bin=place, resolution="none").start()
    with pytest.raises(LocalClusterError, match=r"there is no mysqld at .*: give mysql_bin"):
        LocalCluster(engine="mysql", mysql_bin=place, resolution="none").start()


def test_a_mysql_server_that_refuses_its_settings_says_why() -> None:
    wrong = {"innodb_buffer_pool_size": "lots"}
    cluster = LocalCluster(instances=1, resolution="none", server_settings=wrong, **servers("mysql"))
    with pytest.raises(LocalClusterError, match="value 'lots' to 'innodb-buffer-pool-size'"):
        cluster.start()


def test_two_clusters_at_a_time(local_cluster_factory: Callable[..., LocalCluster]) -> None:
    first = local_cluster_factory(instances=1, name="one")
    second = local_cluster_factory(instances=1, name="two", deployment="plain", tls="off")
    with psycopg.connect(first.conninfo()) as connection:
        assert connection.execute("SELECT aurora_db_instance_identifier()").fetchone() == ("one-instance-1",)
    with psycopg.connect(second.conninfo()) as connection, pytest.raises(psycopg.errors.UndefinedFunction):
        connection.execute("SELECT aurora_db_instance_identifier()")
    first.stop()
    with psycopg.connect(second.conninfo(), connect_timeout=5) as connection:
        assert connection.info.server_version >= 130000
    second.stop()


@pytest.mark.parametrize("source", ["packaged 18", "system 15"])
def test_other_servers(source: str, local_cluster_factory: Callable[..., LocalCluster]) -> None:
    choice: dict[str, Any] = {"postgres_version": 18}
    if source == "system 15":
        if not (SYSTEM_POSTGRESQL / "postgres").exists():
            pytest.skip(f"no PostgreSQL in {SYSTEM_POSTGRESQL}")
        choice = {"postgres_bin": str(SYSTEM_POSTGRESQL)}
    cluster = local_cluster_factory(instances=2, name="other", **choice)
    cluster.failover(wait="all")
    with psycopg.connect(cluster.conninfo(cluster.writer.host)) as connection:
        assert connection.info.server_version // 10000 == int(source.split()[1])
        rows = connection.execute("SELECT server_id, cpu FROM aurora_replica_status()").fetchall()
        assert len(rows) == 2
        assert connection.execute("SELECT count(*) FROM pg_settings").fetchall()[0][0] > 300
    cluster.stop()


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_names_of_users_and_places_with_spaces_and_quotes(engine: str) -> None:
    program = """
import json, sys
from aws_advanced_python_wrapper.local import LocalCluster
names = {"user": "o'hara admin", "password": "it's \\ 100%", "database": 'my "app"'}
with LocalCluster(instances=2, **names, **json.loads(sys.argv[1])) as cluster:
    assert " " in str(cluster.directory)
    cluster.failover(wait="all")
    parameters = cluster.parameters(cluster.writer.host)
    if cluster.settings.engine == "mysql":
        import mysql.connector
        connection, ask = mysql.connector.connect(**parameters), "SELECT CURRENT_USER(), DATABASE()"
    else:
        import psycopg
        connection, ask = psycopg.connect(**parameters), "SELECT CURRENT_USER, CURRENT_DATABASE()"
    cursor = connection.cursor()
    cursor.execute(ask)
    print(*cursor.fetchone(), sep=", ")
    connection.close()
"""
    with tempfile.TemporaryDirectory(prefix="i's ") as place:
        Path(place).chmod(0o755)
        output = subprocess.check_output(
            [sys.executable, "-c", program, json.dumps(servers(engine))],
            env={**os.environ, "TMPDIR": place},
            text=True,
            cwd="/",
            timeout=100,
        )
    assert output == ('o\'hara admin, my "app"\n' if engine == "postgresql" else 'o\'hara admin@%, my "app"\n')


def as_nobody(program: str) -> subprocess.CompletedProcess[str]:
    nobody = pwd.getpwnam("nobody")
    command: list[str] = [sys.executable, "-c", program]
    try:
        return subprocess.run(
            command,
            env={"HOME": "/tmp", "PATH": os.environ["PATH"]},  # noqa: S108
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
        )
    except PermissionError as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_an_ordinary_user_can_run_it(engine: str) -> None:
    program = f"""
from contextlib import closing
from aws_advanced_python_wrapper.local import LocalCluster
with LocalCluster(instances=2, name="nobodys", iam=True, **{as_nobody_has_them(engine)!r}) as cluster:
    cluster.failover(wait="all", kind="hang")
    cluster.aws.rotate_secret()
    with closing(cluster.connect_directly(cluster.writer)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        print(cluster.writer.name, *cursor.fetchone())
"""
    if as_nobody("pass").returncode != 0:
        pytest.skip(f"user nobody cannot run {sys.executable}")
    done = as_nobody(program)
    assert done.stdout == "nobodys-instance-2 1\n", done.stderr


def as_nobody_has_them(engine: str) -> dict[str, Any]:
    """Return the same servers for somebody who would look for them in a folder of his own."""
    settings = servers(engine)
    if engine == "mysql":
        settings["mysql_bin"] = str(obtain.found() or "") or None
    return settings


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends its servers to another user")
def test_servers_that_the_other_user_cannot_reach_are_copied(
    local_cluster_factory: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    import shutil

    from aws_advanced_python_wrapper.local.postgresql.installation import _packaged

    package = _packaged(16).parent.parent
    hidden = tmp_path / package.name
    shutil.copytree(package / "pginstall", hidden / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, tmp_path / libraries.name)
    tmp_path.chmod(0o700)
    cluster = local_cluster_factory(instances=1, name="copied", postgres_bin=str(hidden / "pginstall" / "bin"))
    assert (cluster.directory / "postgresql").is_dir()
    with cluster.connect_directly(cluster.writer) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    cluster.stop()
