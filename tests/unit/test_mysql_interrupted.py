"""Statements that somebody interrupts: Ctrl-C, or a signal handler of the program's that raises."""

from __future__ import annotations

import signal
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from support.driver_ways import Way
from support.mysql_server import packet
from support.mysql_sessions import AUTOCOMMIT, MysqlSessions
from support.mysql_tokens import server_tls
from support.playing_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.mysql_server import Client

QUIT, QUERY = 0x01, 0x03
INTERRUPTED = 1


class Interruption(BaseException):
    """As gevent's timeouts are."""


class TooLong(Exception):  # noqa: N818
    """As many signal handlers raise."""


@dataclass
class Interrupting(MysqlSessions):
    """Says how many rows are affected, as the statement has it; the first one's client is interrupted meanwhile.

    That is in the middle of the answer, of which so many bytes have been said before.
    """

    said_before: int = 0

    def answer_pings(self, client: Client) -> None:
        while (heard := client.hear())[0] != QUIT:
            number = int(heard.partition(b"n=")[2] or b"0") if heard[0] == QUERY else 0
            answer = packet(client.sequence, bytes([0, number, 0]) + struct.pack("<HH", AUTOCOMMIT, 0))
            if number == INTERRUPTED:
                client.connection.sendall(answer[: self.said_before])
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                answer = answer[self.said_before :]
            client.connection.sendall(answer)


@pytest.fixture(params=[KeyboardInterrupt, Interruption, TooLong, TimeoutError])
def raised(request: pytest.FixtureRequest) -> Iterator[type[BaseException]]:
    def give_up(*_: object) -> None:
        raise request.param

    before = signal.signal(signal.SIGUSR1, give_up)
    yield request.param
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def pure() -> Way:
    return Way("mysql-pure")


def affected(raw: Any, number: int) -> int:
    rows: int = raw.cmd_query(f"DELETE n={number}")["affected_rows"]
    return rows


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("said_before", [0, 6])
def test_no_statement_gets_the_answer_to_one_that_was_interrupted(
    pure: Way, raised: type[BaseException], said_before: int, encrypted: bool
) -> None:
    async def scenario(port: int) -> None:
        raw = await pure.open(port, autocommit=True, **({"ssl_disabled": False} if encrypted else {}))
        for _ in range(2):  # the second time it is a socket that the connection has opened later
            with pytest.raises((raised, pure.adapter.errors.Error)):  # the connector makes an error of its own of some
                affected(raw, INTERRUPTED)
            with pytest.raises(pure.adapter.errors.OperationalError) as lost:
                affected(raw, 2)
            assert pure.adapter.classify(lost.value, raw) is ErrorKind.NETWORK
            assert pure.adapter.is_closed(raw)
            await pure.reconnect(raw)
            assert [affected(raw, number) for number in (3, 4)] == [3, 4]
        await pure.leave(raw)

    with serving(Interrupting(said_before=said_before, tls=server_tls() if encrypted else None)) as server:
        pure.play(lambda: scenario(server.port))


class Between:
    """Stands for what the connector calls between two packets; a signal may be handled there as well."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def __call__(self, *_: object) -> None:
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt, TooLong])
def test_nor_to_one_that_was_interrupted_between_two_packets(pure: Way, error: type[BaseException]) -> None:
    async def scenario(port: int) -> None:
        raw = await pure.open(port, autocommit=True)
        calls = {"_socket": ("recv", raw.cmd_ping), "_protocol": ("parse_ok", lambda: affected(raw, 3))}
        for owner, (step, call) in calls.items():
            setattr(getattr(raw, owner), step, Between(error))
            with pytest.raises(error):
                call()
            delattr(getattr(raw, owner), step)
            with pytest.raises(pure.adapter.errors.OperationalError):
                affected(raw, 2)
            await pure.reconnect(raw)
        assert affected(raw, 3) == 3
        await pure.leave(raw)

    with serving(Interrupting()) as server:
        pure.play(lambda: scenario(server.port))


def test_a_connection_outlives_a_call_that_has_sent_nothing(pure: Way) -> None:
    async def scenario(port: int) -> None:
        raw = await pure.open(port, autocommit=True)
        with pytest.raises(TypeError):
            raw.cmd_query(None)
        assert affected(raw, 2) == 2
        await pure.leave(raw)

    with serving(Interrupting()) as server:
        pure.play(lambda: scenario(server.port))
