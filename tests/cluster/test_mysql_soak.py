"""MySQL Connector/Python: connections may be ended at any moment, from any thread, and the program goes on.

How many there are can be set by the environment variable `SOAK_CONNECTIONS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from cluster.support import Background

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

SOAK = Path(__file__).with_name("mysql_soak.py")

POOL = {"pool_name": "soak", "pool_size": 20}

# Ten thousand connections of the C extension take about a minute on two cores, of pure Python three times that.
MANY, FEW = 10_000, 1_000

FROZEN, THAWED = 0.05, 1.0  # s

LONGEST = 240  # s


def soak(driver: Driver, parameters: dict[str, Any], connections: int) -> dict[str, Any]:
    """Run the program to its end and return what it tells."""
    number = os.environ.get("SOAK_CONNECTIONS", str(connections))
    arguments = [json.dumps({**parameters, **driver.arguments}), number]
    done = subprocess.run(
        [sys.executable, str(SOAK), *arguments], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def freeze_now_and_then(cluster: LocalCluster, instance: str, enough: Event) -> None:
    while not enough.wait(THAWED):
        cluster.pause(instance)
        enough.wait(FROZEN)
        cluster.resume(instance)


@pytest.mark.timeout(LONGEST + 60)
@pytest.mark.parametrize("pool", [{}, POOL], ids=["single connections", "connections of the driver's pool"])
@pytest.mark.drivers("mysql")
def test_connections_that_others_end_never_end_the_program(
    cluster: LocalCluster, driver: Driver, pool: dict[str, Any]
) -> None:
    reader = cluster.readers[0].name
    # The server itself: the proxy is no part of this, and would be the slowest.
    parameters = {**cluster._call("direct", instance=reader), **pool}
    connections = MANY if driver.name == "mysql-c" and not pool else FEW
    enough = Event()
    freezer = Background(freeze_now_and_then, cluster, reader, enough)
    try:
        told = soak(driver, parameters, connections)
    finally:
        enough.set()
        freezer.result()
    happened = told["happened"]
    assert not [what for what in happened if what.startswith("UNEXPECTED")], happened
    assert happened["connect: well"] > 0
    assert happened["work: 2013"] > 0, "nothing was ended inside a call"
    assert told["more descriptors"] <= POOL["pool_size"]
