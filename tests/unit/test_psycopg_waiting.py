"""`socket_timeout` at psycopg itself, against a server that says only what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
import pickle
import signal
import socket
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.driver.psycopg.adapter import PsycopgAdapter
from aws_advanced_python_wrapper.errors import QueryTimeoutError
from support.forking import works_in_a_child
from support.scripted_server import ANSWER, CANCELLED, NEWS, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from support.flavours import Flavour

LIMIT = 0.3
LONG = 20.0


def silence(_server: ScriptedServer, _client: socket.socket, _query: str) -> None:
    """Say nothing."""


def obey(server: ScriptedServer, client: socket.socket, query: str) -> None:
    """Answer after as many seconds as the query says, or as it says otherwise."""
    if query == "slowly":  # a byte at a time: there is always something to read before long
        for byte in ANSWER:
            if server.ended.wait(LIMIT / 10):
                return
            client.sendall(bytes([byte]))
    elif query == "news":
        client.sendall(ANSWER)
        server.ended.wait(3 * LIMIT)
        client.sendall(NEWS)
    else:
        server.ended.wait(float(query))
        client.sendall(ANSWER)


def admit(server: ScriptedServer, client: socket.socket, query: str) -> None:
    """Answer when the statement has been cancelled."""
    if query == "wait":
        server.cancelled.wait(LONG)
        client.sendall(CANCELLED)
    else:
        client.sendall(ANSWER)


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    with contextlib.ExitStack() as servers:
        yield lambda behave: servers.enter_context(ScriptedServer(behave))


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def opened(flavour: Flavour, server: ScriptedServer, seconds: float, connection_class: type | None = None) -> Any:
    connecting: Any = connection_class or (psycopg.AsyncConnection if flavour.asynchronous else psycopg.Connection)
    raw = await done(connecting.connect(server.conninfo, autocommit=True, prepare_threshold=None))
    PsycopgAdapter(connecting.connect).limit_waits(raw, seconds, "db:5432")
    return raw


@contextlib.asynccontextmanager
async def connected(flavour: Flavour, server: ScriptedServer, seconds: float) -> AsyncIterator[Any]:
    raw = await opened(flavour, server, seconds)
    try:
        yield raw
    finally:
        await done(raw.close())


async def ask(raw: Any, query: str) -> Any:
    cursor = await done(raw.execute(query))
    return await done(cursor.fetchone())


def test_a_silent_server_is_given_up(flavour: Flavour, serve: Callable[..., ScriptedServer]) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(silence), LIMIT) as raw:
            began = time.monotonic()
            with pytest.raises(QueryTimeoutError, match=r"^db:5432 .* 0\.3 s, the socket_timeout") as raised:
                await ask(raw, "0")
            assert time.monotonic() - began >= LIMIT
            assert raw.closed
            assert isinstance(raised.value, psycopg.OperationalError)
            assert type(raised.value.__cause__) is psycopg.OperationalError
            assert isinstance(pickle.loads(pickle.dumps(raised.value)), psycopg.OperationalError)  # noqa: S301

    flavour.run(scenario())


def test_an_answer_that_trickles_in_is_not_waited_for_without_end(
    flavour: Flavour, serve: Callable[..., ScriptedServer]
) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(obey), LIMIT) as raw:
            with pytest.raises(QueryTimeoutError):
                await ask(raw, "slowly")
            assert raw.closed

    flavour.run(scenario())


def test_each_call_has_the_whole_time(flavour: Flavour, serve: Callable[..., ScriptedServer]) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(obey), 4 * LIMIT) as raw:
            for _ in range(6):
                assert await ask(raw, str(LIMIT)) == ("yes",)

    flavour.run(scenario())


@pytest.mark.parametrize("seconds", [1e9, 1e300])
def test_the_limit_may_be_as_long_as_it_likes(
    flavour: Flavour, serve: Callable[..., ScriptedServer], seconds: float
) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(obey), seconds) as raw:
            assert await ask(raw, "0.05") == ("yes",)

    flavour.run(scenario())


@pytest.mark.parametrize("seconds", [0.001, 1e-9])
def test_the_limit_may_be_as_short_as_it_likes(
    flavour: Flavour, serve: Callable[..., ScriptedServer], seconds: float
) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(silence), seconds) as raw:
            with pytest.raises(QueryTimeoutError):
                await ask(raw, "0")
            assert raw.closed

    flavour.run(scenario())


def test_a_notification_may_be_waited_for_longer(flavour: Flavour, serve: Callable[..., ScriptedServer]) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(obey), LIMIT) as raw:
            await ask(raw, "news")
            news = raw.notifies()
            notification = await (anext(news) if flavour.asynchronous else done(next(news)))
            assert notification.payload == "hello"
            await done((news.aclose if flavour.asynchronous else news.close)())
            assert await ask(raw, "0") == ("yes",)

    flavour.run(scenario())


def test_the_end_of_waiting_for_notifications_is_psycopgs_own(
    flavour: Flavour, serve: Callable[..., ScriptedServer]
) -> None:
    if "timeout" not in inspect.signature(psycopg.Connection.notifies).parameters:
        pytest.skip("psycopg 3.1 waits for notifications without end")

    async def scenario() -> None:
        async with connected(flavour, serve(obey), LIMIT) as raw:
            news = raw.notifies(timeout=2 * LIMIT)
            assert [new async for new in news] == [] if flavour.asynchronous else list(news) == []
            assert await ask(raw, "0") == ("yes",)

    flavour.run(scenario())


def test_the_time_in_line_behind_other_callers_does_not_count(
    flavour: Flavour, serve: Callable[..., ScriptedServer]
) -> None:
    async def scenario() -> None:
        async with connected(flavour, serve(obey), 3 * LIMIT) as raw:
            answers = await flavour.together(*(ask(raw, str(LIMIT)) for _ in range(5)))
            assert answers == [("yes",)] * 5

    flavour.run(scenario())


def test_a_limited_connection_is_what_it_was(flavour: Flavour, serve: Callable[..., ScriptedServer]) -> None:
    drivers: Any = psycopg.AsyncConnection if flavour.asynchronous else psycopg.Connection

    class ProgramsOwn(drivers):  # type: ignore[misc]
        waits = 0

        def wait(self, *args: Any, **kwargs: Any) -> Any:
            self.waits += 1
            return super().wait(*args, **kwargs)

    async def scenario() -> None:
        for connection_class in (drivers, ProgramsOwn):
            raw = await opened(flavour, serve(silence), LIMIT, connection_class)
            assert isinstance(raw, connection_class)
            assert type(raw).__qualname__ == connection_class.__qualname__
            assert repr(raw).startswith(f"<{connection_class.__module__}.{connection_class.__qualname__} [IDLE]")
            PsycopgAdapter(drivers.connect).limit_waits(raw, LIMIT / 2, "db:5432")
            with pytest.raises(QueryTimeoutError, match=r"0\.15 s"):
                await ask(raw, "0")
            if connection_class is ProgramsOwn:
                assert raw.waits == 1
            await done(raw.close())

    flavour.run(scenario())


def test_a_dropped_connection_is_collected_at_once(flavour: Flavour, serve: Callable[..., ScriptedServer]) -> None:
    async def scenario() -> None:
        raw = await opened(flavour, serve(obey), LONG)
        await ask(raw, "0")
        known = weakref.ref(raw)
        gc.disable()
        try:
            await done(raw.close())
            del raw
            assert known() is None
        finally:
            gc.enable()

    flavour.run(scenario())


@pytest.fixture
def signal_in_a_moment() -> Iterator[Callable[[ScriptedServer, int], None]]:
    """Return a function that has this process get a signal while the server is being waited for."""
    timers = []

    def send(server: ScriptedServer, number: int) -> None:
        def when_asked() -> None:
            server.asked.wait(LONG)
            server.ended.wait(0.1)
            os.kill(os.getpid(), number)

        timers.append(threading.Thread(target=when_asked))
        timers[-1].start()

    yield send
    for timer in timers:
        timer.join(LONG)


cancels_beside_other_threads = pytest.mark.skipif(
    not hasattr(psycopg.Connection, "cancel_safe"),
    reason="psycopg 3.1 lets no other thread run while it cancels, not even the server of this test",
)


class OutOfPatience(Exception):  # noqa: N818
    pass


@pytest.fixture
def impatient_handler() -> Iterator[None]:
    def give_up(_number: int, _frame: Any) -> None:
        raise OutOfPatience

    before = signal.signal(signal.SIGUSR1, give_up)
    yield
    signal.signal(signal.SIGUSR1, before)


@cancels_beside_other_threads
def test_ctrl_c_cancels_the_statement_and_the_connection_lives(
    serve: Callable[..., ScriptedServer], signal_in_a_moment: Callable[[ScriptedServer, int], None]
) -> None:
    server = serve(admit)
    with psycopg.connect(server.conninfo, autocommit=True) as raw:
        PsycopgAdapter(psycopg.Connection.connect).limit_waits(raw, LONG, "db:5432")
        signal_in_a_moment(server, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raw.execute("wait")
        assert server.cancelled.is_set()
        assert raw.execute("at once").fetchone() == ("yes",)


@cancels_beside_other_threads
def test_ctrl_c_ends_a_call_to_a_server_that_does_not_cancel(
    serve: Callable[..., ScriptedServer], signal_in_a_moment: Callable[[ScriptedServer, int], None]
) -> None:
    server = serve(silence)
    with contextlib.closing(psycopg.connect(server.conninfo, autocommit=True)) as raw:
        PsycopgAdapter(psycopg.Connection.connect).limit_waits(raw, 1.0, "db:5432")
        signal_in_a_moment(server, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raw.execute("wait")
        assert raw.closed


@pytest.mark.usefixtures("impatient_handler")
def test_what_a_signal_handler_raises_comes_through(
    serve: Callable[..., ScriptedServer], signal_in_a_moment: Callable[[ScriptedServer, int], None]
) -> None:
    server = serve(silence)
    with contextlib.closing(psycopg.connect(server.conninfo, autocommit=True)) as raw:
        PsycopgAdapter(psycopg.Connection.connect).limit_waits(raw, LONG, "db:5432")
        signal_in_a_moment(server, signal.SIGUSR1)
        with pytest.raises(OutOfPatience):
            raw.execute("wait")
        assert not raw.closed


def test_a_connection_that_another_thread_ends_is_no_timeout(serve: Callable[..., ScriptedServer]) -> None:
    server = serve(silence)
    with contextlib.closing(psycopg.connect(server.conninfo, autocommit=True)) as raw:
        adapter = PsycopgAdapter(psycopg.Connection.connect)
        adapter.limit_waits(raw, LONG, "db:5432")
        threading.Timer(0.2, adapter.abort, [raw]).start()
        with pytest.raises(psycopg.OperationalError) as raised:
            raw.execute("wait")
        assert not isinstance(raised.value, QueryTimeoutError)


def test_a_connection_that_another_thread_closes_ends_the_call_whoever_gets_its_number(
    serve: Callable[..., ScriptedServer],
) -> None:
    server = serve(silence)
    raw = psycopg.connect(server.conninfo, autocommit=True)
    PsycopgAdapter(psycopg.Connection.connect).limit_waits(raw, LIMIT, "db:5432")
    here, there = socket.socketpair()
    number = raw.pgconn.socket
    with here, there, ThreadPoolExecutor(1) as pool:
        call = pool.submit(raw.execute, "wait")
        assert server.asked.wait(LONG)
        raw.pgconn.finish()
        os.dup2(here.fileno(), number)
        try:
            with pytest.raises(psycopg.OperationalError) as raised:
                call.result(LONG)
        finally:
            os.close(number)
        assert not isinstance(raised.value, QueryTimeoutError)


@cancels_beside_other_threads
def test_a_cancelled_task_is_cancelled_whatever_the_server_does(serve: Callable[..., ScriptedServer]) -> None:
    async def scenario() -> None:
        server = serve(silence)
        raw = await psycopg.AsyncConnection.connect(server.conninfo, autocommit=True)
        PsycopgAdapter(psycopg.AsyncConnection.connect).limit_waits(raw, 1.0, "db:5432")
        task = asyncio.create_task(raw.execute("wait"))
        await asyncio.to_thread(server.asked.wait, LONG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert raw.closed
        await raw.close()

    asyncio.run(scenario())


def test_a_loop_that_was_held_up_finds_the_answer(serve: Callable[..., ScriptedServer]) -> None:
    async def scenario() -> None:
        server = serve(obey)
        raw = await psycopg.AsyncConnection.connect(server.conninfo, autocommit=True)
        PsycopgAdapter(psycopg.AsyncConnection.connect).limit_waits(raw, LIMIT, "db:5432")
        task = asyncio.create_task(ask(raw, str(LIMIT / 3)))
        await asyncio.to_thread(server.asked.wait, LONG)
        time.sleep(3 * LIMIT)  # noqa: ASYNC251 - what a loop should not do, and some do
        assert await task == ("yes",)
        await raw.close()

    asyncio.run(scenario())


def test_a_forked_child_has_its_limit(serve: Callable[..., ScriptedServer]) -> None:
    with psycopg.connect(serve(obey).conninfo, autocommit=True) as raw:
        PsycopgAdapter(psycopg.Connection.connect).limit_waits(raw, LIMIT, "db:5432")
        assert raw.execute("0").fetchone() == ("yes",)

        def is_limited() -> None:
            with pytest.raises(QueryTimeoutError):
                raw.execute(str(LONG))

        assert works_in_a_child(is_limited)
