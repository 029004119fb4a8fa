"""How soon a program writes again after its writer was killed, counted from the moment the new writer accepts writes.

python benchmarks/failover.py [--times 10] [--kind crash|graceful|hang] [--driver DRIVER] [--verbose]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.local import Failover, LocalCluster
from aws_advanced_python_wrapper.local.mysql.at_hand import have_server

if TYPE_CHECKING:
    from concurrent.futures import Future


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="failovers (default %(default)s)")
    parser.add_argument("--kind", choices=("crash", "graceful", "hang"), default="crash")
    parser.add_argument("--driver", choices=("psycopg", "mysql-c", "mysql-pure"), default="psycopg")
    parser.add_argument("--verbose", action="store_true", help="print the driver's log")
    options = parser.parse_args()
    if options.verbose:
        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)8.0f ms %(message)s")
    delays = []
    with LocalCluster(instances=3, **server(options.driver)) as cluster:
        connection = connect(cluster, options.driver)
        execute(connection, "CREATE TABLE written (at timestamp)")
        for number in range(1, options.times + 1):
            failover, written = fail_over_while_writing(cluster, connection, options.kind)
            delays.append(written - failover.writer_accepts)
            print(
                f"{number:3}  no writer for {failover.seconds * 1000:6.0f} ms, then {delays[-1] * 1000:6.0f} ms",
                flush=True,
            )
    print(f"median {statistics.median(delays) * 1000:.0f} ms, worst {max(delays) * 1000:.0f} ms")


def server(driver: str) -> dict[str, Any]:
    """Return what the local cluster needs to know for a driver."""
    return {} if driver == "psycopg" else {"engine": "mysql", "mysql_bin": have_server(print)}


def connect(cluster: LocalCluster, driver: str) -> AwsWrapperConnection:
    """Open a connection to the cluster's writer."""
    if driver == "psycopg":
        target, arguments = import_module("psycopg").Connection.connect, {}
    else:
        target, arguments = import_module("mysql.connector").connect, {"use_pure": driver == "mysql-pure"}
    return AwsWrapperConnection.connect(target, cluster.conninfo(), autocommit=True, **arguments)


def execute(connection: AwsWrapperConnection, statement: str) -> None:
    """Run a statement on a new cursor."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def fail_over_while_writing(
    cluster: LocalCluster, connection: AwsWrapperConnection, kind: str
) -> tuple[Failover, float]:
    """Return the failover and the monotonic time of the first write after it that was acknowledged."""
    with ThreadPoolExecutor() as pool:
        failover = pool.submit(cluster.failover, kind=kind, wait="all")  # type: ignore[arg-type]
        written = first_write_afterwards(connection, failover)
        return failover.result(), written


def first_write_afterwards(connection: AwsWrapperConnection, failover: Future[Failover]) -> float:
    """Write until a write fails; raises what the failover raised if it ends before that."""
    while True:
        try:
            execute(connection, "INSERT INTO written VALUES (now())")
            time.sleep(0.001)
        except FailoverSuccessError:
            execute(connection, "INSERT INTO written VALUES (now())")
            return time.monotonic()
        if failover.done():
            failover.result()


if __name__ == "__main__":
    main()
