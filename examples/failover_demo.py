"""An ordinary program that lives through two failovers of a real cluster, PostgreSQL or with `--engine mysql` MySQL.

It writes numbered rows as fast as it can. Meanwhile the writer is killed, and later the next one freezes. At the end it
shows who was the writer when, how long writes were interrupted, which errors it caught, and whether every row that the
server acknowledged is there, once.
"""

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.local import LocalCluster, Timeline

# The driver's PEP 249 module, and a statement that does no harm when it is repeated.
PROGRAMS = {
    "postgresql": (
        "aws_advanced_python_wrapper.psycopg",
        "INSERT INTO numbered_rows VALUES (%s, aurora_db_instance_identifier()) ON CONFLICT DO NOTHING",
    ),
    "mysql": (
        "aws_advanced_python_wrapper.mysql_connector",
        "INSERT IGNORE INTO numbered_rows VALUES (%s, @@aurora_server_id)",
    ),
}


def write_rows(connection: Any, insert: str, timeline: Timeline, stop: threading.Event) -> int:
    """Write rows 1, 2, 3, ... until told to stop; return the number of the last one."""
    number = 1
    while not stop.is_set():
        try:
            with connection.cursor() as cursor:
                cursor.execute(insert, [number])
        except FailoverSuccessError as error:
            timeline.failed(error)  # the connection works again: write the same row once more
        else:
            timeline.succeeded()
            number += 1
    return number - 1


def fail_over_twice(cluster: LocalCluster, timeline: Timeline, stop: threading.Event) -> None:
    """Kill the writer, and freeze the one that follows."""
    try:
        for kind in ("crash", "hang"):
            time.sleep(2)
            timeline.say(f"the writer is about to {kind}")
            cluster.failover(kind=kind, wait="all")
        time.sleep(2)
    finally:
        stop.set()


def main() -> None:
    """Start a cluster, run the program on it, and show what came of it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--engine", choices=PROGRAMS, default="postgresql")
    engine = options.parse_args().engine
    module, insert = PROGRAMS[engine]
    stop, timeline = threading.Event(), Timeline()
    timeline.say(f"starting three {engine} servers that act as an Aurora cluster ...")
    with LocalCluster(engine=engine, progress=timeline.say) as cluster:
        connection = import_module(module).connect(cluster.conninfo(), autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE numbered_rows (number int PRIMARY KEY, written_by text)")
        timeline.begin(cluster)
        with ThreadPoolExecutor() as pool:
            chaos = pool.submit(fail_over_twice, cluster, timeline, stop)
            acknowledged = write_rows(connection, insert, timeline, stop)
            chaos.result()
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM numbered_rows ORDER BY number")
            found = [number for (number,) in cursor.fetchall()]
        timeline.end(cluster)
    timeline.show()
    timeline.save("failover-demo.svg")
    assert found == list(range(1, acknowledged + 1)), "a row is missing, or there twice"
    timeline.say(f"all {acknowledged} acknowledged rows are there, each once")


if __name__ == "__main__":
    main()
