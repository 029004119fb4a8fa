"""What the threads share that ask hosts in the background: one for each host, for as long as it is needed."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

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
        self._changed = threading.Condition()
        self._threads: dict[str, threading.Thread] = {}
        self._reasons: dict[str, str] = {}

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The threads that are running now."""
        with self._changed:
            return tuple(self._threads.values())

    @property
    def reasons(self) -> dict[str, str]:
        """Why the hosts that do not answer do not, by address, in the order of the addresses."""
        with self._changed:
            return dict(sorted(self._reasons.items()))

    @abstractmethod
    def _needed(self) -> set[str]:
        """Return the addresses of the hosts that need a thread. Called under the lock."""

    @abstractmethod
    def _work_on(self, address: str) -> Callable[[], None]:
        """Return what a thread for a host does, while `_go_on` says so. Called under the lock."""

    def _start_missing(self) -> None:
        """Start the threads that are needed. Called under the lock."""
        for address in self._needed() - self._threads.keys():
            work, name = self._work_on(address), f"{self.purpose} {address}"
            thread = threading.Thread(target=self._run, args=(address, work), name=name, daemon=True)
            self._threads[address] = thread
            try:
                thread.start()
            except RuntimeError as error:  # the process has no room for another thread, or is ending
                del self._threads[address]
                logger.warning("no thread can be started for the %s of %s: %s", self.purpose, address, error)
                return
            except BaseException:  # a signal handler raised: should the thread have begun, it ends by itself
                del self._threads[address]
                raise

    def _run(self, address: str, work: Callable[[], None]) -> None:
        try:
            work()
        finally:  # should a log handler of the program's have raised, another thread may take the place
            self._end(address)

    def _go_on(self, address: str) -> bool:
        """Tell the thread of a host whether it is still needed; one that is not must end."""
        with self._changed:
            self._start_missing()
            mine = self._threads.get(address) is threading.current_thread()
            if mine and address in self._needed():
                return True
            self._end(address)  # under the same lock: who needs a thread a moment later starts another one
            return False

    def _end(self, address: str) -> None:
        with self._changed:
            if self._threads.get(address) is threading.current_thread():
                del self._threads[address]
                self._forget(address)

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
        with self._changed:
            self._reasons.pop(address, None)

    def _note_reason(self, address: str, error: Exception) -> str | None:
        """Remember why a host does not answer; returns the reason if it is another one than before."""
        reason = first_line(error)
        with self._changed:
            before, self._reasons[address] = self._reasons.get(address), reason
        return None if reason == before else reason


def first_accepted(host: HostInfo, offers: Iterable[Callable[[HostInfo], T]]) -> T:
    """Return the connection of the first user whom a host accepts; raises `RefusedError` if it accepts none."""
    refused = 0
    for connect in offers:
        try:
            return connect(host)
        except RefusedError:  # noqa: PERF203 - one attempt costs more than any loop
            refused += 1
    raise RefusedError(f"{host.address} accepts the credentials of none of {refused} users that are connected")


def give_up(connection: Closable | None) -> None:
    """End a connection, if there is one, whatever comes of it."""
    if connection is None:
        return
    try:
        connection.close()
    except Exception as error:  # noqa: BLE001 - nobody needs the connection any more, but its thread must live on
        logger.debug("closing a connection of the background: %s", error)
