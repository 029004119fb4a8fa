"""The driver's own queries on connections of psycopg's: by libpq itself, without cursor, BEGIN or adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import DriverIo, Rows

OVERDUE = "the server did not answer the driver's own query in time"


class OverdueError(Exception):
    """The deadline has passed; the query is still under way."""


async def run_query(io: DriverIo, pgconn: pq.abc.PGconn, sql: bytes, deadline: Deadline) -> Rows:
    """Run a query and return its rows as text; raises psycopg's error, or `OverdueError`."""
    pgconn.send_query(sql)
    while pgconn.flush():
        await _wait(io, pgconn, deadline, writing=True)
        pgconn.consume_input()
    results = []
    while (result := await _result(io, pgconn, deadline)) is not None:
        results.append(result)
    if not results or results[-1].status != pq.ExecStatus.TUPLES_OK:
        raise _query_error(pgconn, results)
    return _rows(results[-1])


def encoding_of(raw: Any) -> str:
    """Return Python's name for the encoding of the connection's statements."""
    name: str = raw.info.encoding
    return "utf-8" if name == "ascii" else name  # SQL_ASCII: the server takes any bytes


async def _result(io: DriverIo, pgconn: pq.abc.PGconn, deadline: Deadline) -> pq.abc.PGresult | None:
    # get_result would wait by itself, without end: for the first result, and between the results too.
    while pgconn.is_busy():
        await _wait(io, pgconn, deadline, writing=False)
        pgconn.consume_input()
    return pgconn.get_result()


async def _wait(io: DriverIo, pgconn: pq.abc.PGconn, deadline: Deadline, *, writing: bool) -> None:
    if not await io.wait_socket(pgconn.socket, writing=writing, timeout=deadline.remaining()):
        raise OverdueError


def _query_error(pgconn: pq.abc.PGconn, results: list[pq.abc.PGresult]) -> psycopg.Error:
    if results and results[-1].status == pq.ExecStatus.FATAL_ERROR:
        return psycopg.errors.error_from_result(results[-1])
    if pgconn.status != pq.ConnStatus.OK:
        return psycopg.OperationalError(
            pgconn.error_message.decode(errors="replace").strip() or "the connection is lost"
        )
    return psycopg.InternalError("the driver's own query returned no rows")


def _rows(result: pq.abc.PGresult) -> Rows:
    return [
        tuple(_text(result.get_value(row, column)) for column in range(result.nfields)) for row in range(result.ntuples)
    ]


def _text(value: bytes | None) -> str | None:
    return None if value is None else bytes(value).decode()
