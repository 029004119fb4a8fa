"""An ordinary psycopg program that lives through two failovers of a real PostgreSQL cluster.

It writes numbered rows as fast as it can. Meanwhile the writer is killed, and later the next one freezes. At the end it
shows who was the writer when, how long writes were interrupted, which errors it caught, and whether every row that the
server acknowledged is there, once.
"""

import threading
import time

import psycopg

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.local import LocalCluster, Timeline

INSERT = "INSERT INTO numbered_rows VALUES (%s, aurora_db_instance_identifier()) ON CONFLICT DO NOTHING"


def write_rows(connection: AwsWrapperConnection, timeline: Timeline, stop: threading.Event) -> int:
    """Write rows 1, 2, 3, ... until told to stop; return the number of the last one."""
    number = 1
    while not stop.is_set():
        try:
            connection.execute(INSERT, [number])
        except FailoverSuccessError as error:
            timeline.failed(error)  # the connection works again: write the same row once more
        else:
            timeline.succeeded()
            number += 1
    return number - 1


def fail_over_twice(cluster: LocalCluster, timeline: Timeline, stop: threading.Event) -> None:
    """Kill the writer, and freeze the one that follows."""
    for kind in ("crash", "hang"):
        time.sleep(2)
        timeline.say(f"the writer is about to {kind}")
        cluster.failover(kind=kind, wait="all")
    time.sleep(2)
    stop.set()


def main() -> None:
    """Start a cluster, run the program on it, and show what came of it."""
    stop, timeline = threading.Event(), Timeline()
    timeline.say("starting three PostgreSQL servers that act as an Aurora cluster ...")
    with LocalCluster(progress=timeline.say) as cluster:
        connection = AwsWrapperConnection.connect(psycopg.Connection.connect, cluster.conninfo(), autocommit=True)
        connection.execute("CREATE TABLE numbered_rows (number int PRIMARY KEY, written_by text)")
        timeline.begin(cluster)
        chaos = threading.Thread(target=fail_over_twice, args=(cluster, timeline, stop))
        chaos.start()
        acknowledged = write_rows(connection, timeline, stop)
        chaos.join()
        (found,) = connection.execute("SELECT array_agg(number ORDER BY number) FROM numbered_rows").fetchone()
        timeline.end(cluster)
    timeline.show()
    timeline.save("failover-demo.svg")
    assert found == list(range(1, acknowledged + 1)), "a row is missing, or there twice"
    timeline.say(f"all {acknowledged} acknowledged rows are there, each once")


if __name__ == "__main__":
    main()
