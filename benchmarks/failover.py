"""How soon a program writes again after its writer was killed, counted from the moment the new writer accepts writes.

python benchmarks/failover.py [--times 10] [--kind crash|graceful|hang] [--driver psycopg] [--verbose]
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import logging
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from subjects import SUBJECTS, Subject

from aws_advanced_python_wrapper.errors import FailoverSuccessError
from aws_advanced_python_wrapper.local import Failover, LocalCluster

if TYPE_CHECKING:
    from concurrent.futures import Future


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="failovers (default %(default)s)")
    parser.add_argument("--kind", choices=("crash", "graceful", "hang"), default="crash")
    parser.add_argument("--driver", choices=SUBJECTS, default="psycopg")
    parser.add_argument("--verbose", action="store_true", help="print the driver's log")
    options = parser.parse_args()
    if options.verbose:
        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)8.0f ms %(message)s")
    subject = SUBJECTS[options.driver]
    with LocalCluster(instances=3, **subject.server) as cluster:
        asyncio.run(measure(subject, cluster, options.times, options.kind))


async def measure(subject: Subject, cluster: LocalCluster, times: int, kind: str) -> None:
    """Fail over so many times, with one connection, and print how long each took; blocking drivers block the loop."""
    delays = []
    connection = await done(subject.ours(cluster))
    await execute(connection, "CREATE TABLE written (at timestamp)")
    for number in range(1, times + 1):
        failover, written = await fail_over_while_writing(cluster, connection, kind)
        delays.append((written - failover.writer_accepts) * 1000)
        print(f"{number:3}  no writer for {failover.seconds * 1000:6.0f} ms, then {delays[-1]:6.0f} ms", flush=True)
    await done(connection.close())
    print(f"median {statistics.median(delays):.0f} ms, worst {max(delays):.0f} ms")


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def execute(connection: Any, statement: str) -> None:
    """Run a statement on a new cursor."""
    cursor = await done(connection.cursor())
    await done(cursor.execute(statement))
    await done(cursor.close())


async def fail_over_while_writing(cluster: LocalCluster, connection: Any, kind: str) -> tuple[Failover, float]:
    """Return the failover and the monotonic time of the first write after it that was acknowledged."""
    with ThreadPoolExecutor() as pool:
        failover = pool.submit(cluster.failover, kind=kind, wait="all")  # type: ignore[arg-type]
        written = await first_write_afterwards(connection, failover)
        return failover.result(), written


async def first_write_afterwards(connection: Any, failover: Future[Failover]) -> float:
    """Write until a write fails; raises what the failover raised if it ends before that."""
    while True:
        try:
            await execute(connection, "INSERT INTO written VALUES (now())")
            await asyncio.sleep(0.001)
        except FailoverSuccessError:
            await execute(connection, "INSERT INTO written VALUES (now())")
            return time.monotonic()
        if failover.done():
            failover.result()


if __name__ == "__main__":
    main()
