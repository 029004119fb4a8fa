"""What all tests share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from support.secrecy import pytest_runtest_makereport
from support.watchdog import Watchdog

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_runtest_makereport"]


def pytest_configure(config: pytest.Config) -> None:
    """Heed interrupts, which some tests send: whatever is started in the background by a shell ignores them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not config.getoption("usepdb"):
        config.pluginmanager.register(Watchdog())
