"""What the driver adds to psycopg: per call, per row, per connect and at import, side by side in one run.

    python benchmarks/overhead.py [--rounds 40] [--plugins failover] [--deployment plain]

Machines are noisy, so the two sides take turns in short rounds, and medians over neighbouring rounds are shown. The
calls run against a real server, and once more against a cursor that does nothing, where a microsecond can be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FunctionType
from typing import Any

import psycopg

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.local import LocalCluster
from aws_advanced_python_wrapper.wrapper import AwsWrapperCursor

Action = Callable[[], Any]

THREADS = 16
CALLS_OF_A_THREAD = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds of each side (default %(default)s)")
    parser.add_argument("--plugins", help="the driver's plugins (default: the driver's default)")
    parser.add_argument("--deployment", default="aurora", help="what the server is: aurora, multi-az, rds or plain")
    arguments = parser.parse_args()
    rounds: int = arguments.rounds
    options = {"autocommit": True} | ({} if arguments.plugins is None else {"plugins": arguments.plugins})
    print(f"{'':34}{'psycopg':>12}{'driver adds':>14}{'ratio':>9}")
    show("import (fresh interpreter)", compare(*imports(), rounds=max(5, rounds // 4), calls=1))
    print("starting PostgreSQL ...", flush=True)
    with LocalCluster(deployment=arguments.deployment) as cluster:
        bare = psycopg.connect(cluster.conninfo(), autocommit=True)
        ours = AwsWrapperConnection.connect(psycopg.Connection.connect, cluster.conninfo(), **options)
        for label, sides, calls in measurements(bare, ours):
            show(label, compare(*sides, rounds=rounds, calls=calls))
        show("connect to a known server", compare(*connects(cluster.conninfo()), rounds=rounds, calls=3))
        ours.close()
        bare.close()
        show(
            f"{THREADS} threads, {CALLS_OF_A_THREAD} executes each",
            compare(*crowds(cluster.conninfo(), options), rounds=rounds, calls=1),
        )
        asyncio.run(in_a_loop(cluster.conninfo(), options, rounds))


def measurements(bare: Any, ours: Any) -> Iterable[tuple[str, tuple[Action, Action], int]]:
    """Yield a label, the same action on both sides, and how often a round repeats it."""
    cursors = bare.cursor(), ours.cursor()
    yield "execute, cursor that does nothing", idle_executes(ours), 20_000
    yield "execute('select 1')", actions(cursors, lambda cursor: cursor.execute("select 1")), 200
    yield "open a cursor and execute", actions((bare, ours), lambda c: c.cursor().execute("select 1")), 200
    for name in ("fetchone", "fetchmany", "fetchall", "iterate"):
        yield f"{name}, 1,000 rows", fetches(cursors, name), 3
    yield "commit, nothing open", actions((bare, ours), lambda connection: connection.commit()), 2_000


def actions(sides: tuple[Any, Any], action: Callable[[Any], Any]) -> tuple[Action, Action]:
    first, second = sides
    return lambda: action(first), lambda: action(second)


def idle_executes(ours: AwsWrapperConnection) -> tuple[Action, Action]:
    """Return `execute` of a cursor that answers at once, bare and wrapped in ours."""
    idle = IdleCursor(ours.target_connection)
    wrapped: Any = AwsWrapperCursor(ours, idle)
    return lambda: idle.execute("select 1"), lambda: wrapped.execute("select 1")


class IdleCursor:
    """A cursor without a server behind it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def execute(self, query: str, params: Any = None) -> IdleCursor:
        return self

    def fetchone(self) -> None: ...

    fetchmany = fetchall = fetchone


def fetches(cursors: tuple[Any, Any], how: str) -> tuple[Action, Action]:
    """Return draining a cursor of 1,000 rows, row by row or as a whole, on both sides."""
    for cursor in cursors:
        cursor.execute("select generate_series(1, 1000)")
    # Python optimises each loop for the classes it meets: the two sides must not share one.
    drains = _DRAINS[how], twin(_DRAINS[how])
    return (lambda: rewound(drains[0], cursors[0])), (lambda: rewound(drains[1], cursors[1]))


def rewound(drain: Callable[[Any], Any], cursor: Any) -> None:
    rewind(cursor)
    drain(cursor)


def rewind(cursor: Any) -> None:
    """Go back to the first row, at the same cost on both sides."""
    getattr(cursor, "target_cursor", cursor)._pos = 0  # noqa: SLF001 - scroll() would be measured too


def twin(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the same code, compiled anew."""
    assert isinstance(function, FunctionType)
    return FunctionType(function.__code__.replace(), function.__globals__)


def _one(cursor: Any) -> None:
    while cursor.fetchone() is not None:
        pass


def _many(cursor: Any) -> None:
    while cursor.fetchmany(10):
        pass


def _all(cursor: Any) -> None:
    cursor.fetchall()


def _iterate(cursor: Any) -> None:
    for _ in cursor:
        pass


_DRAINS: dict[str, Callable[[Any], Any]] = {"fetchone": _one, "fetchmany": _many, "fetchall": _all, "iterate": _iterate}


def crowds(conninfo: str, options: dict[str, Any]) -> tuple[Action, Action]:
    """Return `THREADS` threads with a connection each, which execute and fetch."""

    def work(connection: Any) -> None:
        cursor = connection.cursor()
        for _ in range(CALLS_OF_A_THREAD):
            cursor.execute("select 1")
            cursor.fetchone()

    def together(connections: list[Any]) -> Action:
        return lambda: list(pool.map(work, connections))

    pool = ThreadPoolExecutor(THREADS)
    bare = [psycopg.connect(conninfo, autocommit=True) for _ in range(THREADS)]
    ours = [AwsWrapperConnection.connect(psycopg.Connection.connect, conninfo, **options) for _ in range(THREADS)]
    return together(bare), together(ours)


async def in_a_loop(conninfo: str, options: dict[str, Any], rounds: int) -> None:
    """Measure the asyncio flavour."""
    bare = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    ours = await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, conninfo, **options)
    cursors = bare.cursor(), ours.cursor()
    statements = [partial(repeated, cursor.execute, "select 1") for cursor in cursors]
    show("asyncio: execute('select 1')", await compare_async(statements, rounds=rounds, calls=200))
    for cursor in cursors:
        await cursor.execute("select generate_series(1, 1000)")
    for how, drain in _ASYNC_DRAINS.items():
        drains = [partial(drain, cursors[0]), partial(twin(drain), cursors[1])]
        show(f"asyncio: {how}, 1,000 rows", await compare_async(drains, rounds=rounds, calls=3))
    await ours.close()
    await bare.close()


async def repeated(function: Callable[..., Any], argument: str, calls: int) -> None:
    for _ in range(calls):
        await function(argument)


async def _one_async(cursor: Any, calls: int) -> None:
    for _ in range(calls):
        rewind(cursor)
        while await cursor.fetchone() is not None:
            pass


async def _all_async(cursor: Any, calls: int) -> None:
    for _ in range(calls):
        rewind(cursor)
        await cursor.fetchall()


async def _iterate_async(cursor: Any, calls: int) -> None:
    for _ in range(calls):
        rewind(cursor)
        async for _row in cursor:
            pass


_ASYNC_DRAINS: dict[str, Callable[[Any, int], Any]] = {
    "fetchone": _one_async,
    "fetchall": _all_async,
    "iterate": _iterate_async,
}


def connects(conninfo: str) -> tuple[Action, Action]:
    return (
        lambda: psycopg.connect(conninfo).close(),
        lambda: AwsWrapperConnection.connect(psycopg.Connection.connect, conninfo).close(),
    )


def imports() -> tuple[Action, Action]:
    def imported(*modules: str) -> Action:
        command = [sys.executable, "-c", f"import {', '.join(modules)}"]
        # As in an installed package: compiled once, by the round that warms up.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return lambda: subprocess.run(command, check=True, env=environment)

    return imported("psycopg"), imported("psycopg", "aws_advanced_python_wrapper.psycopg")


def compare(first: Action, second: Action, *, rounds: int, calls: int) -> tuple[float, float, float]:
    """Return medians over pairs of neighbouring rounds: seconds per call of the first side, difference, ratio."""
    return medians([(timed(first, calls), timed(second, calls)) for _ in range(rounds + 1)])


async def compare_async(sides: Sequence[Callable[..., Any]], *, rounds: int, calls: int) -> tuple[float, float, float]:
    """Do what `compare` does; a side is a coroutine function that takes the number of calls."""
    return medians(
        [(await timed_async(sides[0], calls), await timed_async(sides[1], calls)) for _ in range(rounds + 1)]
    )


def medians(rounds: list[tuple[float, float]]) -> tuple[float, float, float]:
    pairs = rounds[1:]  # the first one warms up
    return (
        statistics.median(bare for bare, _ in pairs),
        statistics.median(ours - bare for bare, ours in pairs),
        statistics.median(ours / bare for bare, ours in pairs),
    )


def timed(action: Action, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        action()
    return (time.perf_counter() - began) / calls


async def timed_async(side: Callable[..., Any], calls: int) -> float:
    began = time.perf_counter()
    await side(calls=calls)
    return (time.perf_counter() - began) / calls


def show(label: str, measured: tuple[float, float, float]) -> None:
    bare, more, ratio = measured
    print(f"{label:34}{unit(bare):>12}{unit(more, sign='+'):>14}{ratio:>8.2f}x", flush=True)


def unit(seconds: float, sign: str = "") -> str:
    for factor, name in ((1, "s"), (1e3, "ms")):
        if abs(seconds) * factor >= 1:
            return f"{seconds * factor:{sign}.2f} {name}"
    return f"{seconds * 1e6:{sign}.2f} us"


if __name__ == "__main__":
    main()
