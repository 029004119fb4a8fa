"""Ends a run that hangs where pytest's limit has no effect, and shows where."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

LIMIT = 400.0
"""Seconds; more than any test has, the start of its clusters included."""

_PROGRAM = """
import os, select, signal, sys, time
watched, limit, show = map(float, sys.argv[1:])
while select.select([0], [], [], limit)[0]:
    if not os.read(0, 4096):
        sys.exit()
for number in (int(show), signal.SIGKILL):
    if os.getppid() == watched:
        os.kill(int(watched), number)
        time.sleep(1)
"""


class Watchdog:
    """Kills the process, which shows the stacks of all its threads, when a test takes longer than `limit` seconds.

    The limit of pytest-timeout is a signal: a call in C may hold it up, it comes once, and it is put off for good when
    a test fails, as is pytest's own `faulthandler_timeout`. This one is another process, as only one with a single
    thread may enter the namespace in which the names of a local cluster resolve. It begins anew with each teardown, and
    after the last test: to end a process is to wait for its threads.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        faulthandler.register(signal.SIGUSR2, file=os.dup(2))  # what tests write to 2 itself is captured
        words = [str(os.getpid()), str(limit), str(int(signal.SIGUSR2))]
        self._process = subprocess.Popen([sys.executable, "-S", "-c", _PROGRAM, *words], stdin=subprocess.PIPE)

    def _begin(self) -> None:
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), b".")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._begin()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        self._begin()
        return (yield)

    def pytest_sessionfinish(self) -> None:
        self._begin()
