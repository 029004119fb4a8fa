"""The SysV segments that a PostgreSQL server leaves behind when it is killed.

The reaper imports this too: nothing heavy may be imported here.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_IPC_RMID = 0
_libc = ctypes.CDLL(None, use_errno=True)


def of_servers(directory: Path) -> set[int]:
    """Return the ids of the segments of the servers whose data is in `directory` or right below it."""
    files = [directory / "postmaster.pid", *directory.glob("*/postmaster.pid")]
    return {segment for file in files if (segment := _segment(file)) is not None}


def remove(segments: set[int]) -> None:
    """Remove segments; those that are gone already are fine."""
    for segment in segments:
        _libc.shmctl(segment, _IPC_RMID, None)


def _segment(pid_file: Path) -> int | None:
    # Line 7 of postmaster.pid: "key id".
    try:
        return int(pid_file.read_text().splitlines()[6].split()[1])
    except (OSError, IndexError, ValueError):  # no such file, or not yet written in full
        return None
