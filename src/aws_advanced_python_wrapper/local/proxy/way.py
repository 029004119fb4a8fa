"""One direction of a proxied connection: what arrives here is delivered there, late, slowly or not at all."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_QUEUE_LIMIT = 256 * 1024
_SLICES_PER_SECOND = 20


@dataclass(frozen=True, slots=True)
class Conditions:
    """The state of the network in one direction."""

    delay: float = 0.0
    bytes_per_second: float | None = None
    frozen: bool = False

    @property
    def clear(self) -> bool:
        """Whether bytes pass at once."""
        return not (self.delay or self.bytes_per_second or self.frozen)


class End(Enum):
    """How a peer ended its side of a connection."""

    EOF = "it sends no more"
    CLOSED = "closed"
    RESET = "reset"


class Way:
    """Passes bytes, and finally the end, to `deliver` and `finish` in order.

    `hold(True)` asks the source to stop reading, so that memory stays flat however slow the way is.
    """

    def __init__(
        self,
        conditions: Conditions,
        deliver: Callable[[bytes], None],
        finish: Callable[[End], None],
        hold: Callable[[bool], None],
    ) -> None:
        self._conditions = conditions
        self._deliver = deliver
        self._finish = finish
        self._hold = hold
        self._queue: deque[tuple[float, bytes | End]] = deque()
        self._queued = 0
        self._direct = conditions.clear
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def push(self, data: bytes) -> None:
        """Pass on bytes that arrived now."""
        if self._direct:
            self._deliver(data)
            return
        self._queued += len(data)
        self._enqueue(data)

    def end(self, end: End) -> None:
        """Pass on the end of the connection, after the bytes that came before it."""
        if self._direct:
            self._finish(end)
        else:
            self._enqueue(end)

    def change(self, conditions: Conditions) -> None:
        """Follow new conditions, which also hold for the bytes under way."""
        self._conditions = conditions
        self._direct = False
        self._free_at = 0.0
        self._pump()

    def drop(self) -> None:
        """Forget the bytes under way and deliver nothing more."""
        self._queue.clear()
        self._queued = 0
        self._cancel_timer()

    def _enqueue(self, item: bytes | End) -> None:
        self._queue.append((self._loop.time(), item))
        if self._timer is None:
            self._pump()
        else:
            self._hold_source()

    def _pump(self) -> None:
        self._cancel_timer()
        while self._queue and not self._conditions.frozen:
            arrived, item = self._queue[0]
            wait = max(arrived + self._conditions.delay, self._free_at) - self._loop.time()
            if wait > 0:
                self._timer = self._loop.call_later(wait, self._pump)
                break
            self._queue.popleft()
            if isinstance(item, End):
                self._finish(item)
            else:
                self._deliver(self._slice(arrived, item))
        self._direct = self._conditions.clear and not self._queue
        self._hold_source()

    def _slice(self, arrived: float, data: bytes) -> bytes:
        """Return what a throttled way takes in one go; the rest goes back to the front of the queue."""
        rate = self._conditions.bytes_per_second
        if rate:
            size = max(1, int(rate / _SLICES_PER_SECOND))
            data, rest = data[:size], data[size:]
            if rest:
                self._queue.appendleft((arrived, rest))
            self._free_at = max(self._free_at, self._loop.time()) + len(data) / rate
        self._queued -= len(data)
        return data

    def _hold_source(self) -> None:
        self._hold(self._conditions.frozen or self._queued > _QUEUE_LIMIT)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
