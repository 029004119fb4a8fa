"""A thread of the driver's own, which is started while no lock is held."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class BackgroundThread:
    """A daemon thread that does its work once, whoever starts it.

    It is chosen under a lock, and started after that: to start a thread is to wait until it runs, and what comes in
    between there, such as a finalizer that closes a connection, may want the very lock.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        self.thread: threading.Thread | None = None
        """None before anybody has begun to start it."""
        self._work = work
        self._starter: dict[None, int] = {}
        self._runner: dict[None, threading.Thread] = {}

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in it."""
        return self._runner.get(None) is threading.current_thread()

    def start(self) -> None:
        """Have it begin, unless it has, or another thread is starting it; to be called without a lock.

        Raises `RuntimeError` if the process has no room for another thread, or is ending.
        """
        try:
            self._start()
        except RuntimeError:
            raise
        except BaseException:  # a signal handler raised, but others may rely on this thread
            self._starter.pop(None, None)
            self._start()
            raise

    def _start(self) -> None:
        here = threading.get_ident()
        # A signal handler that comes in between starts it itself: what it has interrupted goes on only afterwards.
        if self._runner or self._starter.setdefault(None, here) != here:
            return
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        me = threading.current_thread()
        if self._runner.setdefault(None, me) is not me:
            return
        self.thread = me
        self._work()
