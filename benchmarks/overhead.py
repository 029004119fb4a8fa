"""What the driver adds to a database driver: per call, per row, per connect and at import, side by side in one run.

    python benchmarks/overhead.py [--driver psycopg] [--rounds 40] [--plugins failover] [--deployment plain]

The two sides take turns in short rounds, and medians over neighbouring rounds are shown. The calls run against a real
server, and once more against a cursor that does nothing, where a microsecond can be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from comparing import compare, compare_async, show
from subjects import SUBJECTS, Subject

from aws_advanced_python_wrapper.aio import AsyncAwsWrapperCursor
from aws_advanced_python_wrapper.local import LocalCluster
from aws_advanced_python_wrapper.wrapper import AwsWrapperCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Action = Callable[[], Any]
    Sides = tuple[Action, Action]

THREADS = 16
CALLS_OF_A_THREAD = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", choices=SUBJECTS, default="psycopg")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of each side (default %(default)s)")
    parser.add_argument("--plugins", help="the driver's plugins (default: the driver's default)")
    parser.add_argument("--deployment", default="aurora", help="what the server is: aurora, multi-az, rds or plain")
    arguments = parser.parse_args()
    subject, rounds = SUBJECTS[arguments.driver], arguments.rounds
    options = {} if arguments.plugins is None else {"plugins": arguments.plugins}
    print(f"{'':34}{subject.name:>12}{'driver adds':>14}{'ratio':>9}")
    show("import (fresh interpreter)", compare(imports(subject), rounds=max(5, rounds // 4), calls=1))
    print("starting servers ...", flush=True)
    with LocalCluster(deployment=arguments.deployment, **subject.server) as cluster:
        if subject.asynchronous:
            asyncio.run(in_a_loop(subject, cluster, options, rounds))
        else:
            in_threads(subject, cluster, options, rounds)


def in_threads(subject: Subject, cluster: LocalCluster, options: dict[str, Any], rounds: int) -> None:
    """Measure a blocking driver."""
    bare, ours = subject.bare(cluster), subject.ours(cluster, **options)
    for label, sides, calls in measurements(subject, bare, ours):
        show(label, compare(sides, rounds=rounds, calls=calls))
    connects = lambda: subject.bare(cluster).close(), lambda: subject.ours(cluster, **options).close()
    show("connect to a known server", compare(connects, rounds=rounds, calls=3))
    ours.close()
    bare.close()
    label = f"{THREADS} threads, {CALLS_OF_A_THREAD} executes each"
    show(label, compare(crowds(subject, cluster, options), rounds=rounds, calls=1))


def measurements(subject: Subject, bare: Any, ours: Any) -> Iterable[tuple[str, Sides, int]]:
    """Yield a label, the same action on both sides, and how often a round repeats it."""
    cursors = bare.cursor(), ours.cursor()
    yield "execute, cursor that does nothing", idle_executes(ours, AwsWrapperCursor), 20_000
    yield "execute('select 1') and fetch", both(select_one, cursors), 200
    yield "open a cursor, execute and fetch", both(open_and_select_one, (bare, ours)), 200
    for name, drain in DRAINS.items():
        yield f"{name}, 1,000 rows", both(partial(drain, subject.rows), cursors), 3
    yield "commit, nothing open", both(commit, (bare, ours)), 2_000 if subject.engine == "postgresql" else 200


def both(action: Callable[[Any], Any], sides: tuple[Any, Any]) -> Sides:
    """Return an action on both sides; Python optimises code for the classes it meets, so they must not share any."""
    return partial(action, sides[0]), partial(twin(action), sides[1])


def twin(function: Any) -> Any:
    """Return a function with the same code, compiled anew."""
    if isinstance(function, partial):
        return partial(twin(function.func), *function.args)
    assert isinstance(function, FunctionType)
    return FunctionType(function.__code__.replace(), function.__globals__)


def idle_executes(ours: Any, cursor_class: Callable[..., Any]) -> Sides:
    """Return `execute` of a cursor that answers at once, bare and wrapped in ours."""
    idle = (IdleCursor if cursor_class is AwsWrapperCursor else AsyncIdleCursor)(ours.target_connection)
    return partial(idle.execute, "select 1"), partial(cursor_class(ours, idle).execute, "select 1")


class IdleCursor:
    """A cursor without a server behind it."""

    def __init__(self, connection: Any) -> None:
        self.connection = self._connection = connection

    def execute(self, query: str, params: Any = None) -> Any:
        return self

    def fetchone(self) -> None: ...

    fetchmany = fetchall = fetchone


class AsyncIdleCursor(IdleCursor):
    """The same in asyncio."""

    async def execute(self, query: str, params: Any = None) -> Any:
        return self


def select_one(cursor: Any) -> None:
    cursor.execute("select 1")
    cursor.fetchall()


def open_and_select_one(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("select 1")
    cursor.fetchall()
    cursor.close()


def commit(connection: Any) -> None:
    connection.commit()


def _one(rows: str, cursor: Any) -> None:
    cursor.execute(rows)
    while cursor.fetchone() is not None:
        pass


def _many(rows: str, cursor: Any) -> None:
    cursor.execute(rows)
    while cursor.fetchmany(10):
        pass


def _all(rows: str, cursor: Any) -> None:
    cursor.execute(rows)
    cursor.fetchall()


def _iterate(rows: str, cursor: Any) -> None:
    cursor.execute(rows)
    for _ in cursor:
        pass


DRAINS = {"fetchone": _one, "fetchmany": _many, "fetchall": _all, "iterate": _iterate}


def crowds(subject: Subject, cluster: LocalCluster, options: dict[str, Any]) -> Sides:
    """Return `THREADS` threads with a connection each, which execute and fetch."""

    def work(connection: Any) -> None:
        cursor = connection.cursor()
        for _ in range(CALLS_OF_A_THREAD):
            cursor.execute("select 1")
            cursor.fetchall()

    def together(connections: list[Any]) -> Action:
        return lambda: list(pool.map(work, connections))

    pool = ThreadPoolExecutor(THREADS)
    bare = [subject.bare(cluster) for _ in range(THREADS)]
    return together(bare), together([subject.ours(cluster, **options) for _ in range(THREADS)])


async def in_a_loop(subject: Subject, cluster: LocalCluster, options: dict[str, Any], rounds: int) -> None:
    """Measure an asyncio driver."""
    bare, ours = await subject.bare(cluster), await subject.ours(cluster, **options)
    cursors = await opened(bare), await opened(ours)
    idle = idle_executes(ours, AsyncAwsWrapperCursor)
    show("execute, cursor that does nothing", await compare_async(idle, rounds=rounds, calls=20_000))
    show("execute('select 1') and fetch", await compare_async(both(_select, cursors), rounds=rounds, calls=200))
    for name, drain in ASYNC_DRAINS.items():
        sides = both(partial(drain, subject.rows), cursors)
        show(f"{name}, 1,000 rows", await compare_async(sides, rounds=rounds, calls=3))
    connects = partial(_connect, subject.bare, cluster), partial(_connect, subject.ours, cluster, **options)
    show("connect to a known server", await compare_async(connects, rounds=rounds, calls=3))
    await ours.close()
    await _closed(bare)


async def opened(connection: Any) -> Any:
    cursor = connection.cursor()
    return await cursor if inspect.isawaitable(cursor) else cursor


async def _connect(connect: Callable[..., Any], cluster: LocalCluster, **options: Any) -> None:
    await _closed(await connect(cluster, **options))


async def _closed(connection: Any) -> None:
    closing = connection.close()
    if inspect.isawaitable(closing):
        await closing


async def _select(cursor: Any) -> None:
    await cursor.execute("select 1")
    await cursor.fetchall()


async def _one_async(rows: str, cursor: Any) -> None:
    await cursor.execute(rows)
    while await cursor.fetchone() is not None:
        pass


async def _all_async(rows: str, cursor: Any) -> None:
    await cursor.execute(rows)
    await cursor.fetchall()


ASYNC_DRAINS = {"fetchone": _one_async, "fetchall": _all_async}


def imports(subject: Subject) -> Sides:
    def imported(*modules: str) -> Action:
        command = [sys.executable, "-c", f"import {', '.join(modules)}"]
        # As in an installed package: compiled once, by the round that warms up.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return lambda: subprocess.run(command, check=True, env=environment)

    return imported(subject.module), imported(subject.module, subject.pep249)


if __name__ == "__main__":
    main()
