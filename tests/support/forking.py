"""Forked children of the process that runs the tests, for what needs no server and no thread of it."""

from __future__ import annotations

import os
import signal
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 30
"""Seconds after which a child is ended by the operating system, whatever it waits for."""


def works_in_a_child(function: Callable[[], object]) -> bool:
    """Tell whether a function raises nothing in a forked child, and comes to an end there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads that end later
        child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONGEST)
            function()
            code = 0
        finally:
            os._exit(code)
    status = None
    try:
        status = os.waitpid(child, 0)[1]
    finally:
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return status == 0
