"""`socket_timeout` for psycopg: how long a call may wait for its server.

Everything that psycopg does with a connection is a generator that tells what to wait for, driven by the connection's
method `wait`. That is overridden here: a connection with a limit gets a subclass of its own class. No other thread is
needed, and nothing is freed: who waits shuts the socket down when the time is over, and libpq notices.
"""

from __future__ import annotations

import asyncio
import functools
import select
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import pq

from aws_advanced_python_wrapper.errors import QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from typing_extensions import Self

    from aws_advanced_python_wrapper.driver.contract import RawConnection

Steps: TypeAlias = "Generator[int, int, Any]"
"""What psycopg does with a connection: yields what to wait for, is sent what is ready."""

# Seconds. While a thread waits for a socket it does not notice that another one has closed it.
_GLANCE = 0.1

# Seconds. psycopg has a statement cancelled that Ctrl-C interrupts, and waits for its end, which a silent server never
# tells.
_AFTER_INTERRUPTION = 5.0

LIMIT = "_wait_limit"
"""The attribute of a connection of ours that has its limit."""

# psycopg's numbers, from 3.1 to 3.3, for what to wait for and for what is ready.
_READ, _WRITE = 1, 2


@dataclass(slots=True)
class WaitLimit:
    """How long each wait of one connection may last, in seconds, and what to do then."""

    seconds: float
    abort: Callable[[RawConnection], None]
    error: Callable[[], Exception]
    expired: bool = False

    def set_on(self, raw: RawConnection) -> None:
        """Limit a connection's waits from now on; another limit may replace this one."""
        drivers: Any = type(raw)
        if not hasattr(drivers, LIMIT):
            raw.__class__ = _limited_class(drivers)
        raw._wait_limit = self  # noqa: SLF001 - the attribute is ours

    @contextmanager
    def set_for_a_while(self, raw: RawConnection) -> Iterator[None]:
        """Limit a connection's waits inside a block, unless they are limited more closely. Nobody else may wait."""
        drivers: Any = type(raw)
        before: WaitLimit | None = getattr(raw, "_wait_limit", None)
        if before is None or before.seconds > self.seconds:
            self.set_on(raw)
        try:
            yield
        finally:
            raw.__class__ = drivers
            if before is None:
                del raw._wait_limit  # noqa: SLF001 - the attribute is ours
            else:
                raw._wait_limit = before  # noqa: SLF001 - the attribute is ours

    def expire(self, raw: RawConnection) -> None:
        """End the wait: the socket is ready then, with the end of the stream."""
        self.expired = True
        self.abort(raw)

    def outcome(self, error: psycopg.Error, *, tidying: bool) -> BaseException:
        """Return what a wait ends with in which psycopg has raised an error.

        That error must not hide what psycopg was tidying up after: an interruption (psycopg before 3.3 raises what
        comes of cancelling the statement) or, if `tidying`, the end of a wait before (leaving a copy raises anew).
        """
        if not self.expired:
            return error
        hidden = QueryTimeoutError if tidying else (KeyboardInterrupt, asyncio.CancelledError)
        for earlier in _contexts(error):
            if isinstance(earlier, hidden):
                return earlier
        if tidying:
            return error
        timeout = self.error()
        timeout.__cause__ = error
        return timeout

    def overruled(self, raw: RawConnection) -> Exception:
        """Return what a wait ends with that was ended, where psycopg has come to a result all the same.

        It swallows the errors of a rollback, and takes for sent what of a copy is in a buffer.
        """
        timeout = self.error()
        try:
            raw.pgconn.consume_input()  # now libpq, too, knows the connection for lost
        except psycopg.Error as error:
            timeout.__cause__ = error
        return timeout


def lift_limit(raw: RawConnection) -> None:
    """Let the waits of a connection last as long as they do; one that was never limited stays as it is."""
    if hasattr(type(raw), LIMIT):
        raw._wait_limit = None  # noqa: SLF001 - the attribute is ours


class _LimitedSteps:
    """Stands for a generator of psycopg's, and does itself the waiting that belongs to it.

    Only the time spent waiting counts. What is no answer to a question, a notification, is left to psycopg: a program
    waits for it as long as it likes.
    """

    __slots__ = ("_left", "_limit", "_raw", "_steps")

    def __init__(self, steps: Steps, raw: Any, limit: WaitLimit) -> None:
        self._steps = steps
        self._raw = raw
        self._limit = limit
        self._left: float | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        """Go on to the end of the generator, whose result is in the StopIteration."""
        wanted = next(self._steps)
        if not _awaits_answer(self._raw):
            return wanted
        self._left = self._limit.seconds if self._left is None else min(self._left, _AFTER_INTERRUPTION)
        poll = select.poll()
        while True:
            wanted = self._steps.send(self._ready(poll, wanted))

    def send(self, ready: int) -> int:
        """Go on with what is no answer."""
        return self._steps.send(ready)

    def _ready(self, poll: select.poll, wanted: int) -> int:
        flags = (select.POLLIN if wanted & _READ else 0) | (select.POLLOUT if wanted & _WRITE else 0)
        poll.register(self._raw.pgconn.socket, flags)
        while not (found := self._glance(poll)):
            if self._raw.pgconn.status == pq.ConnStatus.BAD:  # the number may be another socket's by now
                raise _closed_meanwhile()
            if self._left == 0 and not self._limit.expired:
                self._limit.expire(self._raw)
        event = found[0][1]
        if event & select.POLLNVAL:
            raise _closed_meanwhile()
        ready = (_READ if event & select.POLLIN else 0) | (_WRITE if event & select.POLLOUT else 0)
        return ready or wanted

    def _glance(self, poll: select.poll) -> list[tuple[int, int]]:
        left = self._left or 0.0
        pause = _GLANCE if self._limit.expired else min(left, _GLANCE)
        began = monotonic()
        found = poll.poll(pause * 1000)
        # A process that was stopped meanwhile has not waited longer than it meant to.
        self._left = max(0.0, left - min(monotonic() - began, pause))
        return found


class _TimedSteps:
    """Stands for a generator of psycopg's, and has the event loop end the waiting when its time is over."""

    __slots__ = ("_due", "_limit", "_loop", "_raw", "_steps", "_timer", "send")

    def __init__(self, steps: Steps, raw: Any, limit: WaitLimit) -> None:
        self.send = steps.send
        self._steps = steps
        self._raw = raw
        self._limit = limit
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        """Begin, or go on after an interruption; the time counts from when there is something to wait for."""
        wanted = next(self._steps)
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._due = self._loop.time() + self._limit.seconds
            self._timer = self._loop.call_at(self._due, self._look_again)
        return wanted

    def cancel(self) -> None:
        """Let the wait be."""
        if self._timer is not None:
            self._timer.cancel()

    def _look_again(self) -> None:
        # A loop that others have held up finds its timers due before it has read the answers that came meanwhile.
        self._timer = self._loop.call_later(self._loop.time() - self._due, self._expire)

    def _expire(self) -> None:
        if _awaits_answer(self._raw):
            self._limit.expire(self._raw)


@functools.lru_cache(maxsize=64)  # bounded: a program may make connection classes as it goes
def _limited_class(drivers: Any) -> type:
    """Return a subclass of a connection class of psycopg's, or of the program's, that goes by the same name."""
    limited = _limited_async if issubclass(drivers, psycopg.AsyncConnection) else _limited
    body = {name: getattr(drivers, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(drivers.__name__, (drivers,), {**body, LIMIT: None, "wait": limited(drivers)})


def _limited(drivers: Any) -> Callable[..., Any]:
    def wait(raw: Any, gen: Steps, *args: Any, **kwargs: Any) -> Any:
        if (limit := raw._wait_limit) is None:  # noqa: SLF001 - the attribute is ours
            return drivers.wait(raw, gen, *args, **kwargs)
        tidying = limit.expired
        try:
            result = drivers.wait(raw, _LimitedSteps(gen, raw, limit), *args, **kwargs)
        except psycopg.Error as error:
            raise limit.outcome(error, tidying=tidying)  # noqa: B904 - it has its cause
        if limit.expired:
            raise limit.overruled(raw)
        return result

    return wait


def _limited_async(drivers: Any) -> Callable[..., Any]:
    async def wait(raw: Any, gen: Steps, *args: Any, **kwargs: Any) -> Any:
        if (limit := raw._wait_limit) is None:  # noqa: SLF001 - the attribute is ours
            return await drivers.wait(raw, gen, *args, **kwargs)
        tidying, steps = limit.expired, _TimedSteps(gen, raw, limit)
        try:
            result = await drivers.wait(raw, steps, *args, **kwargs)
        except psycopg.Error as error:
            raise limit.outcome(error, tidying=tidying)  # noqa: B904 - it has its cause
        finally:
            steps.cancel()
        if limit.expired:
            raise limit.overruled(raw)
        return result

    return wait


def _awaits_answer(raw: Any) -> bool:
    """Tell whether the server owes an answer. No I/O."""
    pgconn: pq.abc.PGconn = raw.pgconn
    return pgconn.transaction_status == pq.TransactionStatus.ACTIVE or bool(pgconn.pipeline_status)


def _closed_meanwhile() -> psycopg.Error:
    return psycopg.OperationalError("the connection was closed while a call waited for the server")


def _contexts(error: BaseException) -> Iterator[BaseException]:
    context = error.__context__
    while context is not None:
        yield context
        context = context.__context__
