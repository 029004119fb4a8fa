"""Awaitables that are driven by hand, as far as they go without waiting."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable


class WaitsError(RuntimeError):
    """What was to go through at once waits for something; it has been ended there."""


def result_of(awaitable: Awaitable[Any]) -> Any:
    """Return what an awaitable gives that has nothing to wait for; raises `WaitsError` where it has."""
    steps = awaitable.__await__()
    try:
        steps.send(None)
    except StopIteration as finished:
        return finished.value
    steps.close()
    raise WaitsError("the driver waits where nothing is to wait for")


def finish(awaitable: Awaitable[Any] | None) -> None:
    """Drive an awaitable as far as it goes without waiting; None, of a driver's function that is none, is the end."""
    if awaitable is not None:
        with suppress(WaitsError):
            result_of(awaitable)
