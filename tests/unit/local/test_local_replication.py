"""What the supervisor does about servers that do not answer: no servers, only what they would say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aws_advanced_python_wrapper.local.errors import NoAnswerError
from aws_advanced_python_wrapper.local.mysql.accounts import Account
from aws_advanced_python_wrapper.local.mysql.client import Client
from aws_advanced_python_wrapper.local.supervisor import replication


class Standby:
    """A member and its node, which has received so much, or fails."""

    fit = True

    def __init__(self, received: int | Exception) -> None:
        self._received = received

    @property
    def node(self) -> Standby:
        return self

    async def position(self) -> int:
        if isinstance(self._received, Exception):
            raise self._received
        return self._received

    async def drain(self, timeout: float) -> None:
        assert timeout > 0
        await self.position()


def standbys(*received: int | Exception) -> list[Any]:
    return [Standby(one) for one in received]


def test_the_first_of_those_that_have_most_is_the_most_advanced() -> None:
    several = standbys(1, 7, 7)
    assert asyncio.run(replication.most_advanced(several)) is several[1]


def test_who_does_not_answer_is_left_behind() -> None:
    several = standbys(NoAnswerError("late"), 3, 5)
    assert asyncio.run(replication.drained(several)) == several[1:]
    assert [member.fit for member in several] == [False, True, True]
    assert asyncio.run(replication.most_advanced(several)) is several[2]
    assert asyncio.run(replication.drained([])) == []


def test_where_nobody_answers_there_is_no_way_on() -> None:
    several = standbys(NoAnswerError("late"), NoAnswerError("too"))
    with pytest.raises(NoAnswerError, match="late"):
        asyncio.run(replication.drained(several))
    assert all(member.fit for member in several), "the next failover asks them again"


def test_another_error_is_nobodys_silence() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(replication.most_advanced(standbys(3, ZeroDivisionError())))


class Connection:
    """A connection of which every use fails, or lasts for ever."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.closed = False

    def cursor(self) -> Connection:
        if self._error is not None:
            raise self._error
        return self

    async def __aenter__(self) -> None:
        await asyncio.Event().wait()

    async def __aexit__(self, *_: object) -> None: ...

    def close(self) -> None:
        self.closed = True


def client_of(connection: Connection) -> Client:
    client = Client("one", Path("/nowhere"), Account("admin", "secret"))
    client._connection = connection
    return client


def test_whatever_a_driver_stumbles_over_is_no_answer() -> None:
    connection = Connection(AttributeError("'NoneType' object has no attribute 'readexactly'"))
    with pytest.raises(NoAnswerError, match="one: AttributeError"):
        asyncio.run(client_of(connection).rows("DO 1"))
    assert connection.closed


def test_waiting_for_ones_turn_is_part_of_the_time() -> None:
    async def ask_twice() -> None:
        connection = Connection(None)
        client = client_of(connection)
        first = asyncio.ensure_future(client.rows("DO 1", 60))
        await asyncio.sleep(0)
        with pytest.raises(NoAnswerError):
            await client.rows("DO 1", 0.01)
        assert not connection.closed, "somebody else uses it"
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert connection.closed

    asyncio.run(ask_twice())
