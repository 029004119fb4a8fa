"""Whatever a forked child does to its copy of a connection, the parent's works on; no real server."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from support.driver_ways import Way
from support.forking import works_in_a_child
from support.mysql_sessions import MysqlSessions
from support.playing_server import serving
from support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def drop(copies: list[Any]) -> None:
    collected = weakref.ref(copies.pop())
    assert collected() is None


def end(copies: list[Any]) -> None:
    copies[0].drop()


def close(copies: list[Any]) -> None:
    copies[0].close()


def awaiting(method: str) -> Callable[[list[Any]], None]:
    """Return a function that awaits a coroutine of the connection in a loop of the child's own."""

    def act(copies: list[Any]) -> None:
        asyncio.run(getattr(copies[0], method)())

    return act


AIO = [pytest.param("mysql-aio", awaiting(name), id=f"mysql-aio-{name}") for name in ("close", "shutdown", "reconnect")]
DONE = [*AIO, ("aiomysql", close), *((name, act) for name in ("mysql-aio", "aiomysql") for act in (drop, end))]


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return `asyncio.run`, and then the same of the other event loop that programs use."""
    module: Any = asyncio if request.param == "asyncio" else pytest.importorskip("uvloop")
    run: Callable[[Coroutine[Any, Any, None]], None] = module.run
    return run


@pytest.mark.parametrize(("name", "act"), DONE)
def test_the_parents_connection_works_on(
    name: str, act: Callable[[list[Any]], None], play: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    async def scenario(port: int) -> None:
        copies = [await way.open(port)]
        await way.tell(copies[0], "DO 1")
        assert works_in_a_child(lambda: act(copies))
        await asyncio.wait_for(way.tell(copies[0], "DO 2"), PATIENCE)
        assert script.farewells == 0
        await way.leave(*copies)

    way, script = Way(name), MysqlSessions()
    with serving(script) as server:
        play(scenario(server.port))
    assert [statement for statement in script.statements if statement.startswith("DO")] == ["DO 1", "DO 2"]
