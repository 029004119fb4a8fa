"""Where local clusters keep their files, and how they are found again."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_advanced_python_wrapper.local.errors import LocalClusterError

# A Unix socket's path must fit 108 bytes.
_LONGEST_SOCKET = 100
_RESERVED_FOR_SOCKET = len("/demo-1234567890-123456/control/socket") + 20
_LONGEST_UNLOCKED = 60.0  # s from a place's making until its supervisor has locked it


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one cluster."""

    directory: Path

    @property
    def private(self) -> Path:
        """The part nobody else may enter."""
        return self.directory / "control"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens."""
        return self.private / "socket"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor as long as it lives."""
        return self.private / "lock"

    @property
    def log(self) -> Path:
        """What the supervisor has to say."""
        return self.private / "supervisor.log"

    @property
    def card(self) -> Path:
        """What a client needs to know of the cluster, the password included."""
        return self.private / "cluster.json"

    def read_card(self) -> dict[str, Any]:
        """Return the card; an unfinished or stale place may have none, then it is empty."""
        try:
            card: dict[str, Any] = json.loads(self.card.read_text())
        except (OSError, ValueError):
            return {}
        return card

    @property
    def age(self) -> float:
        """For how many seconds nothing has come into the private part, or gone."""
        try:
            return time.time() - self.private.stat().st_mtime
        except FileNotFoundError:  # it is being removed
            return 0.0

    @property
    def alive(self) -> bool:
        """Whether the supervisor lives."""
        return is_locked(self.lock)


def base() -> Path:
    """Return (and make) the directory that holds all of this user's clusters."""
    directory = _room_for(f"aws-driver-local-{os.geteuid()}")
    # Root's servers run as another user, who has to get through to the data.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise LocalClusterError(f"{directory} is not this user's own directory: remove it or set TMPDIR")
    directory.chmod(mode)
    return directory


def _room_for(name: str) -> Path:
    """Return a path of that name where this user may write and a Unix socket's path is not too long."""
    for parent in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - as tempfile
        short = len(str(parent / name)) + _RESERVED_FOR_SOCKET <= _LONGEST_SOCKET
        if short and os.access(parent, os.W_OK | os.X_OK):
            return parent / name
    raise LocalClusterError("there is no directory for temporary files with a name that is short enough: set TMPDIR")


def new_place(name: str) -> Place:
    """Make the directory of a new cluster."""
    place = Place(base() / f"{name}-{secrets.token_hex(3)}")
    if len(str(place.socket)) > _LONGEST_SOCKET:
        raise LocalClusterError(f"the name {name!r} is too long for {place.socket}: use a shorter name or TMPDIR")
    place.directory.mkdir()
    place.directory.chmod(0o711)
    place.private.mkdir(mode=0o700)
    return place


def new_hosts_directory() -> Path:
    """Make the directory for this process's hosts file; remove those of processes that are gone."""
    for old in base().glob("hosts-*"):
        if not is_locked(old / "lock"):
            shutil.rmtree(old, ignore_errors=True)
    directory = base() / f"hosts-{os.getpid()}-{secrets.token_hex(3)}"
    fresh = directory.with_name(f"new-{directory.name}")
    fresh.mkdir()
    fresh.chmod(0o755)
    lock(fresh / "lock")
    fresh.rename(directory)
    return directory


_held: set[int] = set()


def lock(path: Path) -> int:
    """Lock a file until this process ends, also if it is killed, or until `unlock`.

    A fork shares the lock, so a child lets go of its descriptors at once: it may live longer.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    _held.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        unlock(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Give back what `lock` returned."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for a child that is being forked now
    _held.discard(descriptor)
    os.close(descriptor)


def _let_go_in_child() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go_in_child)


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        descriptor = lock(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    unlock(descriptor)
    return False


def running(name: str | None = None) -> list[Place]:
    """Return the detached clusters of this user that are up."""
    return [place for place in _detached(name) if place.alive]


def stale(name: str | None = None) -> list[Place]:
    """Return what is left of detached clusters whose supervisor is gone."""
    return [place for place in _detached(name) if not place.alive]


def forsaken() -> list[Place]:
    """Return what is left of owned clusters whose supervisor and reaper were both killed, or never began."""
    return [place for place in _all() if _may_be_forsaken(place) and not place.alive]


def _may_be_forsaken(place: Place) -> bool:
    # Before its supervisor has locked a new place it is nobody's, and to see whether it is locked could get in the way.
    if not place.card.exists():
        return place.age > _LONGEST_UNLOCKED
    return not place.read_card().get("detached")


def _detached(name: str | None) -> list[Place]:
    cards = [(place, place.read_card()) for place in _all()]
    return [place for place, card in cards if card.get("detached") and name in (None, card["settings"]["name"])]


def _all() -> list[Place]:
    return [Place(path.parent) for path in sorted(base().glob("*/control"))]
