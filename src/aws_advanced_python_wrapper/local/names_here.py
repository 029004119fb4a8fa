"""Making the names of this process's clusters resolve in it: one hosts file for all of them."""

from __future__ import annotations

import atexit
import os
import shutil
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local import places
from aws_advanced_python_wrapper.local.names import resolution
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class _Here:
    process: int = 0
    file: Path | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)


_here = _Here()


def hosts_file() -> Path:
    """Return the hosts file of this process, made on first use and removed when the process ends.

    A child made by fork has a file of its own: its clusters end with it.
    """
    with _here.turn:
        if _here.file is None or _here.process != os.getpid() or not _here.file.exists():
            directory = places.new_hosts_directory()
            _here.file = HostsFile.create(directory / "hosts").path
            _here.process = os.getpid()
            atexit.register(_remove, directory, os.getpid())
        return _here.file


def enter(mode: resolution.Mode) -> resolution.Resolution:
    """Make the names resolve in this process and in the children it starts from now on."""
    return resolution.enter(hosts_file(), mode)


def _remove(directory: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(directory, ignore_errors=True)
