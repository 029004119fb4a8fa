"""The driver's connection is found in what tools put around it; what has none in it is refused."""

from __future__ import annotations

import sqlite3
from typing import Any
from unittest.mock import MagicMock

import pytest
from wrapt import ObjectProxy

from aws_advanced_python_wrapper import AwsWrapperError
from aws_advanced_python_wrapper.driver.unwrapping import drivers_own


class Own:
    """Stands for a driver's connection."""

    __wrapped__ = "something of the driver's"


class ByName:
    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped


@pytest.mark.parametrize("around", [(), (ObjectProxy,), (ByName,), (ObjectProxy, ByName, ObjectProxy)])
def test_the_drivers_own_is_found_however_many_objects_are_around_it(around: tuple[Any, ...]) -> None:
    own = opened = Own()
    for make in around:
        opened = make(opened)
    assert drivers_own(opened, (sqlite3.Connection, Own), "the driver") is own


@pytest.mark.parametrize("opened", [None, object(), ObjectProxy(object()), ByName(None), MagicMock()])
def test_what_has_no_connection_of_the_drivers_in_it_is_refused(opened: Any) -> None:
    with pytest.raises(AwsWrapperError, match=r"something of type \w+, which is no connection of the driver\."):
        drivers_own(opened, (Own,), "the driver")
