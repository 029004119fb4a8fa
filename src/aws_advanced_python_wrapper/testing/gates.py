"""How callers of either flavour wait until a test lets them go on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TypeAlias

_Gate: TypeAlias = "concurrent.futures.Future[None]"


class Gates:
    """The callers who wait for one thing. Any thread may open their gates."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shut: list[_Gate] = []
        self._open_for_good = False

    async def passed(self, timeout: float | None, *, asynchronous: bool) -> bool:
        """Wait until the gates are opened; False after `timeout` seconds."""
        gate: _Gate = concurrent.futures.Future()
        with self._lock:
            if self._open_for_good:
                return True
            self._shut.append(gate)
        if asynchronous:
            done, _ = await asyncio.wait([asyncio.wrap_future(gate)], timeout=timeout)
            return bool(done)
        done_now, _ = concurrent.futures.wait([gate], timeout=timeout)
        return bool(done_now)

    def open(self, *, for_good: bool = False) -> None:
        """Let all go on who wait; `for_good`: and everybody who comes later."""
        with self._lock:
            shut, self._shut = self._shut, []
            self._open_for_good = self._open_for_good or for_good
        for gate in shut:
            gate.set_result(None)
