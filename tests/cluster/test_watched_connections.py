"""Tools that watch programs put an object of their own around each connection, as Datadog and New Relic do."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from wrapt import FunctionWrapper, ObjectProxy

from aws_advanced_python_wrapper import FailoverSuccessError
from cluster.drivers import Driver, every_driver
from cluster.support import execute, true_writer, value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

pytestmark = every_driver


def put_around(monkeypatch: pytest.MonkeyPatch, driver: Driver, make: Callable[[Any], Any]) -> None:
    """Have the driver's connect function give what is made of each connection."""

    async def later(opened: Awaitable[Any]) -> Any:
        return make(await opened)

    def watch(function: Callable[..., Any], _instance: object, arguments: Any, keywords: Any) -> Any:
        opened = function(*arguments, **keywords)
        return later(opened) if inspect.isawaitable(opened) else make(opened)

    connect = FunctionWrapper(driver.connect, watch)
    monkeypatch.setattr(Driver, "connect", property(lambda _: connect))


class ByName:
    """As MySQL Connector/Python's own tracing has it."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


@pytest.mark.parametrize(("make", "parameters"), [(ObjectProxy, {"socket_timeout": 30}), (ByName, {})])
def test_a_watched_connection_fails_over(
    cluster: LocalCluster,
    connect: Connect,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Any], Any],
    parameters: dict[str, Any],
) -> None:
    put_around(monkeypatch, driver, make)
    connection = connect(cluster, **parameters)
    assert value(connection, "SELECT 1") == 1
    cluster.failover(kind="crash")
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert value(connection, driver.engine.who) == true_writer(cluster)
