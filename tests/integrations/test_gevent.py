"""Programs under gevent, which replaces threads by greenlets and sockets by ones that never block the others."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import release_resources
from cluster import programs
from cluster.drivers import BLOCKING
from cluster.support import true_writer

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster

PATIENCE = 60.0

PROGRAM = """
    import gevent

    (who,) = words
    ticks = []

    def tick():
        while True:
            ticks.append(None)
            gevent.sleep(0.01)

    gevent.spawn(tick)
    connection = connect()
    print("connected", flush=True)
    try:
        while True:
            ask(connection, "SELECT 1")
            gevent.sleep(0.01)
    except FailoverSuccessError:
        print(ask(connection, who), len(ticks) > 2, connection.closed)
    others = [gevent.spawn(lambda: connect().close()) for _ in range(5)]
    gevent.joinall(others, raise_error=True)
    connection.close()
    print(connection.closed)
    """


@pytest.mark.parametrize("name", ["psycopg", "mysql-c", "mysql-pure"])
def test_a_greenlet_fails_over_while_others_go_on(request: pytest.FixtureRequest, name: str) -> None:
    driver = BLOCKING[name]
    driver.skip_if_missing()
    release_resources()
    cluster: LocalCluster = request.getfixturevalue(f"healthy_aurora_{driver.engine.name}")
    python, option, code, *arguments = programs.command(PROGRAM, cluster.conninfo(), driver, driver.engine.who)
    command = [python, option, f"from gevent import monkey; monkey.patch_all()\n{code}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        cluster.failover(kind="crash")
        rest, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert rest.splitlines() == [f"{true_writer(cluster)} True False", "True"]
    assert process.returncode == 0
