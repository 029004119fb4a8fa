"""Processes, and what they leave behind when they are killed.

The reaper imports this too: nothing heavy may be imported here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PR_SET_PDEATHSIG = 1
_IPC_RMID = 0
_SERVER_PROGRAMS = {"postgres", "initdb", "pg_basebackup", "cp"}
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class User:
    """The user the servers run as; `switch` says whether this process has to change to it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def give(self, path: Path) -> None:
        """Make a file or directory this user's own."""
        if self.switch:
            os.chown(path, self.uid, self.gid)


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
        user=user.uid if user.switch else None,
        group=user.gid if user.switch else None,
        extra_groups=[] if user.switch else None,
        env={**os.environ, "LC_ALL": "C", "PGTZ": "UTC"},
        preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509  # the supervisor forks on its only thread
    )


def _dies_with(parent: int) -> Callable[[], None]:
    # After the change of user, which clears the setting. SIGQUIT lets PostgreSQL remove its shared memory.
    def ask_kernel() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def of_server(directory: Path) -> list[int]:
    """Return the pids of the server programs that work in `directory` or below it.

    PostgreSQL's processes stay in their data directory, so this finds also those whose parent is gone.
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
    return Path(program).name in _SERVER_PROGRAMS and (cwd == str(directory) or cwd.startswith(f"{directory}/"))


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each of the processes that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_servers(directory: Path, timeout: float = 10.0) -> bool:
    """Kill what works in `directory`, remove its shared memory; tell whether nothing is left."""
    segments = shared_memory(directory)
    end = time.monotonic() + timeout
    while pids := of_server(directory):
        send(pids, signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    for segment in segments | shared_memory(directory):
        remove_shared_memory(segment)
    return True


def shared_memory(directory: Path) -> set[int]:
    """Return the ids of the SysV segments of the servers whose data is in `directory` or right below it."""
    files = [directory / "postmaster.pid", *directory.glob("*/postmaster.pid")]
    return {segment for file in files if (segment := _segment(file)) is not None}


def _segment(pid_file: Path) -> int | None:
    # Line 7 of postmaster.pid: "key id".
    try:
        return int(pid_file.read_text().splitlines()[6].split()[1])
    except (OSError, IndexError, ValueError):  # no such file, or not yet written in full
        return None


def remove_shared_memory(segment: int) -> None:
    """Remove a SysV segment; one that is gone already is fine."""
    _libc.shmctl(segment, _IPC_RMID, None)
