"""How soon a program writes again after its writer was killed, counted from the moment the new writer accepts writes.

python benchmarks/failover.py [--times 10] [--kind crash|graceful|hang] [--verbose]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import threading
import time

import psycopg

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.local import Failover, LocalCluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="failovers (default %(default)s)")
    parser.add_argument("--kind", choices=("crash", "graceful", "hang"), default="crash")
    parser.add_argument("--verbose", action="store_true", help="print the driver's log")
    options = parser.parse_args()
    if options.verbose:
        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)8.0f ms %(message)s")
    delays = []
    with LocalCluster(instances=3) as cluster:
        connection = AwsWrapperConnection.connect(psycopg.Connection.connect, cluster.conninfo(), autocommit=True)
        connection.execute("CREATE TABLE written (at timestamptz)")
        for number in range(1, options.times + 1):
            failover, written = fail_over_while_writing(cluster, connection, options.kind)
            delays.append(written - failover.writer_accepts)
            print(
                f"{number:3}  no writer for {failover.seconds * 1000:6.0f} ms, then {delays[-1] * 1000:6.0f} ms",
                flush=True,
            )
    print(f"median {statistics.median(delays) * 1000:.0f} ms, worst {max(delays) * 1000:.0f} ms")


def fail_over_while_writing(
    cluster: LocalCluster, connection: AwsWrapperConnection, kind: str
) -> tuple[Failover, float]:
    """Return the failover and the monotonic time of the first write after it that was acknowledged."""
    failovers: list[Failover] = []
    thread = threading.Thread(target=lambda: failovers.append(cluster.failover(kind=kind, wait="all")))  # type: ignore[arg-type]
    thread.start()
    written = 0.0
    while not written:
        try:
            connection.execute("INSERT INTO written VALUES (now())")
            time.sleep(0.001)
        except FailoverSuccessError:
            connection.execute("INSERT INTO written VALUES (now())")
            written = time.monotonic()
    thread.join()
    return failovers[0], written


if __name__ == "__main__":
    main()
