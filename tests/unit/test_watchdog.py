"""A run that hangs ends, and tells where, whatever holds up or puts off pytest's own limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

IN_C = """
    import ctypes

    def test_hangs_here():
        mutex, c = ctypes.create_string_buffer(64), ctypes.PyDLL(None)  # it keeps the interpreter
        c.pthread_mutex_lock(mutex)
        c.pthread_mutex_lock(mutex)
    """
IN_A_TEARDOWN_AFTER_A_FAILURE = """
    import time, pytest

    @pytest.fixture
    def left():
        yield
        hangs_here()

    def hangs_here():
        while True:
            time.sleep(600)

    def test_fails(left):
        assert False
    """
IN_C_AFTER_THE_LIMIT = """
    import ctypes, time, pytest

    @pytest.fixture
    def left():
        yield
        hangs_here()

    def hangs_here():
        mutex, c = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
        c.pthread_mutex_lock(mutex)
        c.pthread_mutex_lock(mutex)

    @pytest.mark.timeout(0.1)
    def test_takes_too_long(left):
        time.sleep(600)
    """
AT_THE_END = """
    import threading, time

    def hangs_here():
        time.sleep(600)

    def test_leaves_a_thread():
        threading.Thread(target=hangs_here).start()
    """
CONFTEST = """
from support.watchdog import Watchdog

def pytest_configure(config):
    config.pluginmanager.register(Watchdog(limit=2))
"""
HANGING = {
    "in C": IN_C,
    "in a teardown after a failure": IN_A_TEARDOWN_AFTER_A_FAILURE,
    "in C, after the limit": IN_C_AFTER_THE_LIMIT,
    "at the end": AT_THE_END,
}


@pytest.mark.parametrize("code", HANGING.values(), ids=HANGING)
def test_a_run_that_hangs_ends_and_tells_where(tmp_path: Path, code: str) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    hanging = tmp_path / "test_hanging.py"
    hanging.write_text(textwrap.dedent(code))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(hanging)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    assert f'File "{hanging}"' in done.stderr
    assert "hangs_here" in done.stderr
