"""The asyncio package itself: what importing it does, mistakes that are told, hooks at the end."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperError, aio
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, register_shutdown_hook, release_resources_async
from aws_advanced_python_wrapper.cluster.directory import CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Callable


def test_importing_it_starts_no_thread_and_loads_no_driver() -> None:
    look = "import sys, threading, aws_advanced_python_wrapper.aio; print(threading.active_count(), *sys.modules)"
    command = [sys.executable, "-I", "-W", "error", "-c", look]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    threads, *modules = done.stdout.split()
    assert threads == "1"
    assert not {"psycopg", "boto3", "uvloop"} & set(modules)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((), {}, r"connect function first, such as psycopg.AsyncConnection.connect; it was given None"),
        ((print,), {}, "is not known; supported: aiomysql, mysql.connector, psycopg"),
        ((psycopg.AsyncConnection.connect,), {}, "No host"),
        ((psycopg.AsyncConnection.connect, "host=x hots=y"), {}, "did you mean 'host'"),
        ((psycopg.AsyncConnection.connect, "host=x"), {"plugins": "failovr"}, "did you mean 'failover'"),
        ((psycopg.AsyncConnection.connect, "host=x"), {"failover_timeout_sec": -1}, "failover_timeout_sec"),
        (("host=x hots=y",), {}, "did you mean 'host'"),
    ],
)
def test_a_mistake_in_the_arguments_is_told_before_anything_is_connected(
    arguments: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        asyncio.run(AsyncAwsWrapperConnection.connect(*arguments, **settings))


def hook(name: str, told: list[str], error: Exception | None = None) -> Callable[[], Any]:
    async def run() -> None:
        await asyncio.sleep(0)
        told.append(name)
        if error is not None:
            raise error

    return run


def test_hooks_are_awaited_once_and_in_order_before_the_resources_go() -> None:
    told: list[str] = []
    register_shutdown_hook(hook("first", told))
    register_shutdown_hook(hook("second", told))
    era = CLUSTERS.era
    register_shutdown_hook(hook("third", told))
    asyncio.run(release_resources_async())
    assert told == ["first", "second", "third"]
    assert CLUSTERS.era > era
    asyncio.run(release_resources_async())
    assert len(told) == 3


def test_a_hook_that_fails_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    register_shutdown_hook(hook("first", told, ZeroDivisionError("the hook's own")))
    register_shutdown_hook(hook("second", told))
    era = CLUSTERS.era
    with caplog.at_level(logging.ERROR, logger=aio.__name__):
        asyncio.run(release_resources_async())
    assert told == ["first", "second"]
    assert "shutdown hook" in caplog.text
    assert "the hook's own" in caplog.text
    assert CLUSTERS.era > era


def test_resources_go_even_where_a_hook_is_cancelled() -> None:
    async def waits() -> None:
        await asyncio.sleep(60)

    async def scenario() -> None:
        register_shutdown_hook(waits)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(release_resources_async(), 0.01)

    era = CLUSTERS.era
    asyncio.run(scenario())
    assert CLUSTERS.era > era
