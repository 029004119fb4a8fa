"""The last one out: cleans up when the supervisor is gone, however it went.

It holds the reading end of a pipe whose other end only the supervisor has. At its end of file, whatever is
left of the servers is killed, their shared memory and the cluster's directory are removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from aws_advanced_python_wrapper.local.postgresql import shared_memory
from aws_advanced_python_wrapper.local.processes import kill_servers

_DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main() -> None:
    """Wait for the end of standard input, then clean up; the cluster's directory is the argument."""
    for number in _DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1024):
        pass
    clean_up(Path(sys.argv[1]), Path(sys.argv[2]))


def clean_up(directory: Path, hosts_file: Path) -> None:
    """Leave no process, segment, record or file of the cluster behind; harmless when nothing is left."""
    if not directory.exists():
        return
    nodes = directory / "nodes"
    segments = shared_memory.of_servers(nodes)
    kill_servers(nodes)
    shared_memory.remove(segments | shared_memory.of_servers(nodes))
    _forget_names(directory, hosts_file)
    shutil.rmtree(directory, ignore_errors=True)


def _forget_names(directory: Path, hosts_file: Path) -> None:
    # Imported only now: the reaper usually has nothing to do and should cost nothing.
    from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile, read  # noqa: PLC0415
    from aws_advanced_python_wrapper.local.places import Place, is_locked  # noqa: PLC0415

    if not hosts_file.exists() or directory in hosts_file.parents:
        return
    if not is_locked(hosts_file.parent / "lock"):
        shutil.rmtree(hosts_file.parent, ignore_errors=True)
        return
    domain = Place(directory).read_card().get("domain")
    if domain:
        HostsFile(hosts_file).remove([name for name in read(hosts_file) if name.split()[0].endswith(domain)])


if __name__ == "__main__":
    main()
