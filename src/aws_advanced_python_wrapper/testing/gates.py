"""How callers of either flavour wait until a test lets them go on."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TypeAlias

Gate: TypeAlias = "concurrent.futures.Future[None]"


async def passed(gate: Gate, timeout: float | None, *, asynchronous: bool) -> bool:
    """Wait until a gate is opened; False after `timeout` seconds."""
    if asynchronous:
        done, _ = await asyncio.wait([asyncio.wrap_future(gate)], timeout=timeout)
        return bool(done)
    done_now, _ = concurrent.futures.wait([gate], timeout=timeout)
    return bool(done_now)
