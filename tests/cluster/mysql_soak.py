"""Ends connections of MySQL Connector/Python at any moment, from other threads, and goes on with them.

A program of its own: a mistake here would end the interpreter. Arguments: the parameters of a server as JSON, how many
connections. Prints as JSON how often what happened.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import mysql.connector

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.driver.mysql_connector import client_library

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 8
WORKS = 50  # at most, on each connection
LONGEST_LIFE = 0.01  # s
MANY_ROWS = (
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 200) SELECT n, REPEAT('x', 500) FROM r"
)

# The driver stumbles over an answer that is missing where its connection is closed inside a call, and over its pooled
# connections once they are closed.
FAILURES = (mysql.connector.Error, *client_library.ERRORS)
EXPECTED = (*FAILURES, IndexError, TypeError, AttributeError)


def statement(connection: Any) -> None:
    connection.cursor().execute("SELECT SLEEP(0.05)")


def all_rows(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(MANY_ROWS)
    cursor.fetchall()


def some_rows(connection: Any) -> None:
    cursor = connection.cursor(buffered=True)
    cursor.execute(MANY_ROWS)
    cursor.fetchmany(5)


def rows_left(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(MANY_ROWS)
    cursor.fetchone()
    connection.consume_results()


def each_row(connection: Any) -> None:
    cursor = connection.cursor(dictionary=True)
    cursor.execute(MANY_ROWS)
    for _ in cursor:
        pass


def prepared(connection: Any) -> None:
    with connection.cursor(prepared=True) as cursor:
        cursor.execute("SELECT %s, REPEAT('y', 100000)", (1,))
        cursor.fetchall()


def transaction(connection: Any) -> None:
    connection.start_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    connection.commit()


def settings(connection: Any) -> None:
    connection.autocommit = not connection.autocommit
    connection.time_zone = "+01:00"
    connection.database = "information_schema"


# What the work here leads to by itself.
OWN_FAULT = re.compile("Unread result|Commands out of sync|Transaction already in progress")

WORK: tuple[Callable[[Any], Any], ...] = (
    *(statement, all_rows, some_rows, rows_left, each_row, prepared, transaction, settings),
    *(lambda connection: connection.reset_session(), lambda connection: connection.ping()),
    *(lambda connection: connection.rollback(), lambda connection: connection.is_connected()),
)


class Soak:
    """Many threads with one connection after the other, each of which somebody else ends."""

    def __init__(self, parameters: dict[str, Any], connections: int) -> None:
        self.parameters = parameters
        self.pooled = "pool_name" in parameters
        self.left = connections
        self.happened: Counter[str] = Counter()
        self.lock = threading.Lock()

    def run(self) -> None:
        threads = [
            threading.Thread(target=self.worker, args=(random.Random(seed),))  # noqa: S311
            for seed in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def worker(self, dice: random.Random) -> None:
        while self.another():
            self.note("connect", lambda: self.one_life(self.connect(dice), dice))

    def connect(self, dice: random.Random) -> AwsWrapperConnection:
        arguments = {"plugins": "", "ssl_disabled": dice.random() < 0.9, **self.parameters}
        return AwsWrapperConnection.connect(mysql.connector.connect, **arguments)

    def one_life(self, connection: AwsWrapperConnection, dice: random.Random) -> None:
        ender = threading.Thread(target=self.end, args=(connection, dice.random(), dice.randrange(4)))
        ender.start()
        self.use(connection, dice)
        if dice.random() < 0.3:  # what is lost may be connected again, by the driver's own means
            self.note("reconnect", connection.reconnect)
            self.use(connection, dice)
        if self.pooled or dice.random() < 0.5:  # what is dropped without it is lost to the driver's pool
            self.note("close", connection.close)
        ender.join()

    def another(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def use(self, connection: Any, dice: random.Random) -> None:
        def work() -> None:
            for _ in range(WORKS):
                dice.choice(WORK)(connection)

        try:
            work()
        except FAILURES as error:
            self.count(f"work: {getattr(error, 'errno', None)}")
            self.check(connection, error)
        except EXPECTED:
            self.count("work: stumbled")
        else:
            self.count("work: well")

    def check(self, connection: Any, error: Exception) -> None:
        """What fails because a connection is lost must say so: failovers begin with it."""
        session = connection._session
        lost = session.adapter.is_closed(session.raw) and not session.closed
        kind = session.adapter.classify(error, session.raw)
        told = f"{error} {error.__cause__ or error.__context__}"
        if lost and kind is not ErrorKind.NETWORK and not OWN_FAULT.search(told):
            self.count(f"UNEXPECTED {kind}: {error!r}")

    def end(self, connection: Any, moment: float, way: int) -> None:
        time.sleep(moment**3 * LONGEST_LIFE)
        if way == 0:
            self.note("end", connection.close)
        elif way == 1:
            self.note("end", connection.invalidate)
        else:
            session = connection._session
            self.note("abort", lambda: session.adapter.abort(session.raw))

    def note(self, what: str, call: Callable[[], object]) -> None:
        try:
            call()
        except EXPECTED as error:
            self.count(f"{what}: {getattr(error, 'errno', None)}")
        except Exception as error:  # noqa: BLE001 - told, and no reason to stop
            self.count(f"UNEXPECTED {what}: {type(error).__name__} {error}")
        else:
            self.count(f"{what}: well")

    def count(self, what: str) -> None:
        with self.lock:
            self.happened[what] += 1


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH112, PTH208


def main() -> None:
    faulthandler.enable()
    parameters, connections = json.loads(sys.argv[1]), int(sys.argv[2])
    before = descriptors()
    soak = Soak(parameters, connections)
    soak.run()
    gc.collect()
    sys.stdout.write(json.dumps({"happened": soak.happened, "more descriptors": descriptors() - before}))


if __name__ == "__main__":
    main()
