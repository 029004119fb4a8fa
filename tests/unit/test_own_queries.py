"""The driver's own queries against a server that says only what it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.errors import QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


LET_IN = message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")
DESCRIPTION = message(b"T", struct.pack("!h", 1) + b"x\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
ROW = message(b"D", struct.pack("!hi", 1, 3) + b"yes")
DONE = message(b"C", b"SELECT 1\0")
READY = message(b"Z", b"I")
ANSWER = [DESCRIPTION, ROW, DONE, READY]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def connection_answered_by(listener: socket.socket, answer: bytes) -> Any:
    """Return a psycopg connection to a server that answers each query with these bytes."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.settimeout(20)
            client.recv(10_000)
            client.sendall(LET_IN)
            while client.recv(10_000).startswith(b"Q"):
                client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    host, port = listener.getsockname()
    return psycopg.connect(host=host, port=port, user="u", dbname="d", sslmode="disable", gssencmode="disable")


def ask(raw: Any, seconds: float) -> Any:
    adapter = PsycopgAdapter(psycopg.Connection.connect)
    return run(adapter.query(BlockingIo(), raw, "SELECT 'yes'", Deadline.after(seconds)))


def test_a_query_returns_its_rows(listener: socket.socket) -> None:
    with closing(connection_answered_by(listener, b"".join(ANSWER))) as raw:
        assert ask(raw, 20) == [("yes",)]
        assert ask(raw, 20) == [("yes",)]


@pytest.mark.parametrize("messages", range(len(ANSWER)))
@pytest.mark.parametrize("piece", [0, 1])
def test_a_server_that_falls_silent_anywhere_in_its_answer_is_given_up(
    listener: socket.socket, messages: int, piece: int
) -> None:
    answer = b"".join(ANSWER[:messages]) + ANSWER[messages][:piece]
    with closing(connection_answered_by(listener, answer)) as raw:
        with pytest.raises(QueryTimeoutError, match="did not answer"):
            ask(raw, 0.05)
        assert raw.closed or raw.pgconn.transaction_status != 0
