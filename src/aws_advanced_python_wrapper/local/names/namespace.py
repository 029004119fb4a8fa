"""A private mount namespace in which a file of ours stands in the place of /etc/hosts.

Also a program, loaded by its path with the standard library only:

    python namespace.py HOSTS_FILE run COMMAND...   enter, then become COMMAND
    python namespace.py HOSTS_FILE probe NAME       enter and say whether NAME resolves to 127.0.0.1
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

_ETC_HOSTS = Path("/etc/hosts")
_NSSWITCH = Path("/etc/nsswitch.conf")
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_PROBE_SECONDS = 15
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


def entered(hosts_file: Path) -> bool:
    """Whether `hosts_file` is what this process sees as /etc/hosts."""
    try:
        return _ETC_HOSTS.samefile(hosts_file)
    except OSError:
        return False


def enter(hosts_file: Path) -> None:
    """Move this single-threaded process, and so its later children, into the namespace; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        _check(libc.unshare(_CLONE_NEWNS), "unshare the mount namespace")
    else:
        uid, gid = os.geteuid(), os.getegid()
        _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "make a user namespace")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    # Without this the mount below would appear in the whole machine.
    _check(libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None), "make mounts private")
    source, target = os.fsencode(hosts_file), os.fsencode(_ETC_HOSTS)
    _check(libc.mount(source, target, None, ctypes.c_ulong(_MS_BIND), None), "mount over /etc/hosts")


def obstacle(hosts_file: Path, probe_name: str, *, this_process: bool) -> str | None:
    """Return why a namespace would not do here, or None; tried out in a child process."""
    if sys.platform != "linux":
        return "mount namespaces exist on Linux only"
    if this_process and (own := _own_obstacle()):
        return own
    if not _hosts_are_consulted():
        return f"{_NSSWITCH} does not consult /etc/hosts"
    try:
        done = subprocess.run(
            [*_program(hosts_file), "probe", probe_name],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "the resolver of this machine did not answer in time"
    return None if done.returncode == 0 else done.stderr.strip() or f"the trial ended with {done.returncode}"


def _own_obstacle() -> str | None:
    """Return what a trial in a child process would not show."""
    if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
        return f"this process has {threads} threads already"
    if os.geteuid() != 0 and Path("/proc/self/uid_map").stat().st_uid != os.geteuid():
        return "this process changed its user, so the kernel does not let it map users"
    return None


def command_inside(hosts_file: Path, command: list[str]) -> list[str]:
    """Return the command that enters the namespace and becomes `command` there."""
    return [*_program(hosts_file), "run", *command]


def _program(hosts_file: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(hosts_file)]


def _check(result: int, purpose: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {purpose}: {os.strerror(number)}")


def _hosts_are_consulted() -> bool:
    """Whether /etc/nsswitch.conf lets the C library read /etc/hosts; without the file it does."""
    try:
        text = _NSSWITCH.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    line = re.search(r"^\s*hosts:([^#\n]*)", text, re.MULTILINE)
    return line is None or "files" in line[1].split()


def _main(hosts_file: str, verb: str, *words: str) -> int:
    try:
        enter(Path(hosts_file))
    except OSError as error:
        return _fail(error.strerror or str(error), 1)
    if verb == "probe":
        return _probe(words[0])
    try:
        os.execvp(words[0], words)  # noqa: S606 - the command is the user's own
    except FileNotFoundError:
        return _fail(f"{words[0]}: command not found", _NOT_FOUND)
    except OSError as error:
        return _fail(f"{words[0]}: {error.strerror}", _NOT_EXECUTABLE)


def _probe(name: str) -> int:
    try:
        found = socket.gethostbyname(name) == "127.0.0.1"
    except OSError:
        found = False
    return 0 if found else _fail("the C library of this machine does not follow /etc/hosts", 1)


def _fail(message: str, status: int) -> int:
    sys.stderr.write(message + "\n")
    return status


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
