"""Waiting for what only polling can tell: other processes and their state."""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TICK = 0.005


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]],
    timeout: float = math.inf,
    tick: float = _TICK,
) -> bool:
    """Wait until the condition holds and return True, or False after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return True
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(tick)
