"""Awaitables that are driven without a loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.driver.awaitables import WaitsError, finish, result_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """Notes how far it got."""

    def __init__(self, step: Callable[[], Any] | None = None) -> None:
        self.notes: list[str] = []
        self._step = step

    async def go(self) -> str:
        try:
            self.notes.append("begun")
            if self._step is not None:
                await self._step()
            self.notes.append("done")
        finally:
            self.notes.append("ended")
        return "result"


def test_what_waits_for_nothing_has_its_result() -> None:
    steps = Steps()
    assert result_of(steps.go()) == "result"
    finish(steps.go())
    assert steps.notes == ["begun", "done", "ended"] * 2


def test_what_waits_has_none_and_is_ended_where_it_waits() -> None:
    steps = Steps(lambda: asyncio.sleep(0))
    with pytest.raises(WaitsError, match="waits where nothing is to wait for"):
        result_of(steps.go())
    finish(steps.go())
    assert steps.notes == ["begun", "ended"] * 2


@pytest.mark.parametrize("drive", [result_of, finish])
def test_errors_pass(drive: Callable[[Any], Any]) -> None:
    async def fails() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        drive(fails())


def test_the_result_of_a_function_that_is_no_coroutine_is_the_end() -> None:
    finish(None)
