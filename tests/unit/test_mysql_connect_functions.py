"""Which of MySQL Connector/Python's classes a connect function opens connections of."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from wrapt import FunctionWrapper

if TYPE_CHECKING:
    from collections.abc import Callable

connector = pytest.importorskip("mysql.connector")

from mysql.connector import pooling  # noqa: E402

from aws_advanced_python_wrapper.driver.mysql_connector.connection_class import class_of  # noqa: E402


def class_in_pure_python(connect: Callable[..., Any]) -> Any:
    return class_of(connect, {"use_pure": True})


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Have a tool watch the function under the one of its names that programs use most, as OpenTelemetry does."""
    made: Callable[..., Any] = FunctionWrapper(connector.connect, lambda call, _, args, kwargs: call(*args, **kwargs))
    monkeypatch.setattr(connector, "connect", made)
    return made


@pytest.mark.parametrize("connect", [connector.connect, connector.Connect, pooling.connect])
def test_the_drivers_function_is_known_by_each_name(connect: Callable[..., Any]) -> None:
    assert class_in_pure_python(connect) is connector.MySQLConnection


@pytest.mark.parametrize("connect", [connector.connect, connector.Connect, pooling.connect])
@pytest.mark.usefixtures("watched")
def test_it_is_known_by_those_that_a_tool_has_left_as_they_were(connect: Callable[..., Any]) -> None:
    assert class_in_pure_python(connect) is connector.MySQLConnection
    assert class_in_pure_python(functools.partial(connect, user="app")) is connector.MySQLConnection


def test_what_a_tool_has_put_in_its_place_is_known(watched: Callable[..., Any]) -> None:
    assert class_in_pure_python(watched) is connector.MySQLConnection


def test_a_function_of_the_programs_around_it_is_another() -> None:
    @functools.wraps(connector.connect)
    def connect(**arguments: Any) -> Any:
        return connector.connect(**arguments, ssl_ca="ca.pem")

    assert class_in_pure_python(connect) is None
