"""What the threads share that ask hosts in the background: one for each host, for as long as it is needed."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from aws_advanced_python_wrapper.background_thread import BackgroundThread
from aws_advanced_python_wrapper.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.cluster.store import TopologyStore

logger = logging.getLogger(__name__)

T = TypeVar("T")


class RefusedError(Exception):
    """A host answered, and does not let us in: asking again at once would be of no use."""


class Closable(Protocol):
    """A connection of such a thread's."""

    def close(self) -> None:
        """End it without waiting for the host."""
        ...


class HostThreads(ABC):
    """Threads that each work on one host of a cluster.

    There is no coordinator: each thread starts those that are missing, and ends once nobody needs it.
    """

    purpose: ClassVar[str]
    """What the threads are called, before the address of their host."""

    def __init__(self, store: TopologyStore) -> None:
        self._store = store
        self.after_fork()

    def after_fork(self) -> None:
        """Start clean: in a forked child no thread of the parent lives, and the lock may be held by one."""
        self._lock = threading.RLock()  # re-entrant: a finalizer may close a connection at any moment
        # To wait and to notify. Where it is entered itself, a signal handler that raises may leave the lock taken.
        self._changed = threading.Condition(self._lock)
        self._threads: dict[str, BackgroundThread] = {}
        self._reasons: dict[str, str] = {}

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The threads that are running now."""
        with self._lock:
            return tuple(thread.thread for thread in self._threads.values() if thread.thread is not None)

    @property
    def reasons(self) -> dict[str, str]:
        """Why the hosts that do not answer do not, by address, in the order of the addresses."""
        with self._lock:
            return dict(sorted(self._reasons.items()))

    @abstractmethod
    def _needed(self) -> set[str]:
        """Return the addresses of the hosts that need a thread. Called under the lock."""

    @abstractmethod
    def _work_on(self, address: str) -> Callable[[], None]:
        """Return what a thread for a host does, while `_go_on` says so. Called under the lock."""

    def _start_missing(self) -> None:
        """Start the threads that are needed. Called without the lock."""
        with self._lock:
            for address in self._needed() - self._threads.keys():
                work = partial(self._run, address, self._work_on(address))
                self._threads[address] = BackgroundThread(f"{self.purpose} {address}", work)
            chosen = dict(self._threads)  # also by others, who may not have come to start them
        failed: dict[str, RuntimeError] = {}
        for address, thread in chosen.items():
            try:
                thread.start()
            except RuntimeError as error:  # noqa: PERF203 - the process has no room for another thread, or is ending
                failed[address] = error
        if failed:
            self._give_up_starting({address: chosen[address] for address in failed})
            hosts, why = ", ".join(sorted(failed)), next(iter(failed.values()))
            logger.warning("no thread can be started for the %s of %s: %s", self.purpose, hosts, why)

    def _give_up_starting(self, failed: dict[str, BackgroundThread]) -> None:
        with self._lock:
            for address, thread in failed.items():
                if self._threads.get(address) is thread:
                    del self._threads[address]

    def _run(self, address: str, work: Callable[[], None]) -> None:
        try:
            work()
        finally:  # should a log handler of the program's have raised, another thread may take the place
            self._end(address)

    def _go_on(self, address: str) -> bool:
        """Tell the thread of a host whether it is still needed; one that is not must end."""
        with self._lock:
            goes_on = self._is_mine(address) and address in self._needed()
            if not goes_on:
                self._end(address)  # under the same lock: who needs a thread a moment later starts another one
        self._start_missing()
        return goes_on

    def _end(self, address: str) -> None:
        with self._lock:
            if self._is_mine(address):
                del self._threads[address]
                self._forget(address)

    def _is_mine(self, address: str) -> bool:
        thread = self._threads.get(address)
        return thread is not None and thread.is_current

    def _forget(self, address: str) -> None:
        """Forget what a thread found out that has ended. Called under the lock."""
        self._reasons.pop(address, None)

    def _member(self, address: str) -> HostInfo:
        topology = self._store.current
        host = topology and topology.find(address)
        if not host:
            raise LookupError(f"{address} is no longer a member of the cluster")
        return host

    def _forget_reason(self, address: str) -> None:
        with self._lock:
            self._reasons.pop(address, None)

    def _note_reason(self, address: str, error: Exception) -> str | None:
        """Remember why a host does not answer; returns the reason if it is another one than before."""
        reason = first_line(error)
        with self._lock:
            before, self._reasons[address] = self._reasons.get(address), reason
        return None if reason == before else reason


def first_accepted(host: HostInfo, offers: Iterable[Callable[[HostInfo], T]]) -> T:
    """Return the connection of the first user whom a host accepts; raises `RefusedError` if it accepts none."""
    refused: list[str] = []
    for connect in offers:
        try:
            return connect(host)
        except RefusedError as error:  # noqa: PERF203 - one attempt costs more than any loop
            refused.append(first_line(error))
    why = f" (the last: {refused[-1]})" if refused else ""
    users = f"{len(refused)} users that are connected"
    raise RefusedError(f"{host.address} accepts the credentials of none of {users}{why}")


def give_up(connection: Closable | None) -> None:
    """End a connection, if there is one, whatever comes of it."""
    if connection is None:
        return
    try:
        connection.close()
    except Exception as error:  # noqa: BLE001 - nobody needs the connection any more, but its thread must live on
        logger.debug("closing a connection of the background: %s", error)
