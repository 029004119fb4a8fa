"""The servers' processes and the user they run as.

The reaper imports this too: nothing heavy may be imported here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aws_advanced_python_wrapper.local.users import User

_PR_SET_PDEATHSIG = 1
_SERVER_PROGRAMS = {"postgres", "initdb", "pg_basebackup", "mysqld", "cp", "tar"}
_LOADER = "ld-linux"  # what the kernel shows of a program that is run through its own loader
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    user: User,
    cwd: Path,
    output: IO[bytes] | int,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program as `user` that the kernel ends when this process dies.

    Only to be called on the process's main thread: the kernel watches the thread that forks.
    """
    return subprocess.Popen(
        command,
        cwd=cwd,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **user.options(),
        env={**os.environ, "LC_ALL": "C", "PGTZ": "UTC"},
        preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509  # the supervisor forks on its only thread
    )


def _dies_with(parent: int) -> Callable[[], None]:
    # After the change of user, which clears the setting. SIGQUIT lets a server clean up; PostgreSQL has shared memory.
    def ask_kernel() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def of_server(directory: Path) -> list[int]:
    """Return the pids of the server programs that work in `directory` or below it.

    Servers stay in their data directory, so this finds also those whose parent is gone.
    """
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _works_in(entry, directory)
    ]


def _works_in(process: Path, directory: Path) -> bool:
    try:
        cwd = str((process / "cwd").readlink()).removesuffix(" (deleted)")
        program = str((process / "exe").readlink()).removesuffix(" (deleted)")
    except OSError:  # it ended meanwhile, or is somebody else's
        return False
    name = Path(program).name
    return (name in _SERVER_PROGRAMS or name.startswith(_LOADER)) and _is_below(cwd, directory)


def _is_below(path: str, directory: Path) -> bool:
    return path == str(directory) or path.startswith(f"{directory}/")


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each of the processes that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_servers(directory: Path, timeout: float = 10.0) -> bool:
    """Kill what works in `directory`; tell whether nothing is left."""
    end = time.monotonic() + timeout
    while pids := of_server(directory):
        send(pids, signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
