"""Servers that fork after the program was loaded: parent and children stay protected."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from cluster import programs
from cluster.drivers import BLOCKING, Driver
from cluster.support import at_server, true_writer
from support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.local import LocalCluster

# Loaded before the fork, as with `gunicorn --preload`: the connection of the parent is there in each child too.
DATABASE = """
    import json
    import operator
    import os
    from importlib import import_module
    from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError

    module, _, name = os.environ["TARGET"].partition(":")
    target = operator.attrgetter(name)(import_module(module))

    def connect():
        return AwsWrapperConnection.connect(
            target, os.environ["CONNINFO"], autocommit=True, topology_refresh_ms=100,
            plugins="aurora_connection_tracker,failover,host_monitoring",
            failure_detection_time_ms=500, failure_detection_interval_ms=250, failure_detection_count=2,
            **json.loads(os.environ["ARGUMENTS"]))

    parents = connect()
    own = None

    def who():
        # This process's id, the instance it is connected to, and whether it has just failed over.
        global own
        own = own or connect()
        failed_over = False
        while True:
            try:
                cursor = own.cursor()
                cursor.execute(os.environ["WHO"])
                return os.getpid(), cursor.fetchall()[0][0], failed_over
            except FailoverSuccessError:
                failed_over = True
    """


@pytest.fixture(params=["psycopg", "mysql-c"])
def driver(request: pytest.FixtureRequest) -> Driver:
    chosen = BLOCKING[request.param]
    chosen.skip_if_missing()
    return chosen


@pytest.fixture
def cluster(request: pytest.FixtureRequest, driver: Driver) -> LocalCluster:
    release_resources()
    healthy: LocalCluster = request.getfixturevalue(f"healthy_aurora_{driver.engine.name}")
    healthy.set_delays(hang_detection=0.5)
    return healthy


@contextmanager
def server(
    directory: Path, cluster: LocalCluster, driver: Driver, *command: str, **modules: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on these modules; it is ended by SIGTERM and has to go without being killed."""
    for name, code in {"database": DATABASE, **modules}.items():
        (directory / f"{name}.py").write_text(textwrap.dedent(code))
    connection = {"CONNINFO": cluster.conninfo(), "TARGET": driver.target, "WHO": driver.engine.who}
    arguments = {"ARGUMENTS": json.dumps(dict(driver.arguments)), "PYTHONWARNINGS": "ignore"}
    environment = {**os.environ, **connection, **arguments}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=directory, env=environment, stdout=log, stderr=log
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
        except BaseException:
            print((directory / "log").read_text())  # noqa: T201 - pytest shows it with the failure
            raise
        finally:
            process.kill()
            process.wait(PATIENCE)


def answers_of_all_workers(ask: Callable[[], Any], workers: int) -> dict[int, tuple[str, bool]]:
    """Ask until each worker has answered; return by process what it said first."""
    answers: dict[int, tuple[str, bool]] = {}
    end = time.monotonic() + PATIENCE
    while len(answers) < workers:
        assert time.monotonic() < end, f"only {len(answers)} workers answer"
        try:
            pid, *answer = ask()
        except OSError:  # it is not listening yet
            time.sleep(0.05)
            continue
        answers.setdefault(pid, tuple(answer))
    return answers


def assert_all_fail_over(cluster: LocalCluster, ask: Callable[[], Any], workers: int = 2) -> None:
    first = cluster.writer.name
    before = answers_of_all_workers(ask, workers)
    assert set(before.values()) == {(first, False)}
    cluster.failover(kind="hang")
    after = answers_of_all_workers(ask, workers)
    assert after.keys() == before.keys(), "no worker had to be replaced"
    assert set(after.values()) == {(true_writer(cluster), True)}
    assert true_writer(cluster) != first


def test_gunicorn_workers_forked_from_a_loaded_program_fail_over(
    cluster: LocalCluster, driver: Driver, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    application = """
        import json
        from database import who

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(who()).encode()]
        """

    def ask() -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as response:
            return json.load(response)

    options = ("--preload", "--workers=2", f"--bind=127.0.0.1:{port}", "--worker-tmp-dir=/dev/shm")
    with server(
        tmp_path, cluster, driver, "gunicorn", "application:application", *options, application=application
    ) as process:
        assert_all_fail_over(cluster, ask)
    assert process.returncode == 0


def test_celery_prefork_workers_fail_over(cluster: LocalCluster, driver: Driver, tmp_path: Path) -> None:
    messages = """
        import os
        from celery import Celery

        here = os.path.dirname(os.path.abspath(__file__))
        app = Celery(
            "messages", broker="filesystem://", backend="file://" + here, include=["tasks"],
            broker_transport_options={"data_folder_in": here + "/queue", "data_folder_out": here + "/queue"})
        """
    tasks = """
        import database
        from messages import app

        @app.task
        def who():
            return database.who()
        """
    (tmp_path / "queue").mkdir()
    asking = "import json, messages; print(json.dumps(messages.app.send_task('tasks.who').get(timeout=60)))"

    def ask() -> Any:
        asker = [sys.executable, "-W", "ignore", "-c", asking]
        done = subprocess.run(asker, cwd=tmp_path, capture_output=True, check=True, timeout=PATIENCE)
        return json.loads(done.stdout)

    options = ("-A", "messages", "worker", "--pool=prefork", "--concurrency=2", "--without-gossip", "--without-mingle")
    with server(tmp_path, cluster, driver, "celery", *options, messages=messages, tasks=tasks):
        assert_all_fail_over(cluster, ask)


POOL = """
    import multiprocessing

    def survive_a_failover(sleep, who):
        # Works until the connection fails over; returns the instance it leads to then.
        connection = connect()
        try:
            while True:
                ask(connection, sleep)
        except FailoverSuccessError:
            return ask(connection, who)
        finally:
            connection.close()

    def main():
        method, *queries = words
        connection = connect()
        with multiprocessing.get_context(method).Pool(2, signal.alarm, (100,)) as pool:
            results = [pool.apply_async(survive_a_failover, queries) for _ in range(2)]
            hosts = [result.get(60) for result in results]
        try:
            ask(connection, "SELECT 1")
        except FailoverSuccessError:
            print(*hosts, ask(connection, queries[1]))
        connection.close()

    if __name__ == "__main__":
        main()
    """


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_multiprocessing_fail_over(cluster: LocalCluster, driver: Driver, method: str, tmp_path: Path) -> None:
    script = tmp_path / "pool.py"  # what is not forked imports it
    script.write_text(programs.connecting(POOL))
    engine = driver.engine
    words = programs.arguments(cluster.conninfo(), driver, method, engine.sleep.format(0.01), engine.who)
    command = [sys.executable, "-W", "ignore", str(script), *words]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as process:
        try:
            at_work = engine.sleepers.format(0.01)
            eventually(lambda: at_server(cluster, cluster.writer.name, at_work) == 2)
            cluster.failover(kind="crash")
            told, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0
    assert told.split() == [true_writer(cluster)] * 3
