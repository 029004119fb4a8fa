"""A MySQL server where none is installed: its packages, fetched once and unpacked into a cache folder.

The folder is the user's cache; root's is `/var/cache/aws-driver-local`, since the server, which does not run as root,
must be able to read it.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local import places
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.mysql.apt import PrivateApt
from aws_advanced_python_wrapper.local.programs import output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PACKAGE = "mysql-server-core"  # of Debian; Ubuntu appends the version
_NOT_USED = "perl"  # by the server; only by scripts beside it
_SERVER = "usr/sbin/mysqld"
_CLIENTS = "usr/bin"  # nobody calls them, and they are a third of everything


def found(folder: Path | None = None) -> Path | None:
    """Return the root of the unpacked files if they are there, in `folder` or else in the cache."""
    candidates = _folders() if folder is None else [folder]
    return next((root for folder in candidates if (root := _root(folder)).exists()), None)


def obtain(tell: Callable[[str], None], folder: Path | None = None) -> Path:
    """Return the root of the unpacked files; where they are not there yet, fetch them with apt, about 50 MB.

    Nothing is installed, and no privilege needed. Whoever comes while another process is at it waits for that one.
    `tell` hears how it goes. Raises `LocalClusterError` where no server can be had, with the reason.
    """
    if root := found(folder):
        return root
    folder = usable_folder() if folder is None else folder
    with _alone(folder, tell):
        if found(folder) is None:
            try:
                _fetch(folder, tell)
            except LocalClusterError as error:
                advice = "install MySQL 8.0.26 or newer so that mysqld is on the PATH, or give mysql_bin its path"
                raise LocalClusterError(f"no MySQL server can be fetched: {error}; {advice}") from error
    return _root(folder)


def command(root: Path) -> list[str]:
    """Return how to call the server below `root`: through the loader and the libraries that came with it."""
    libraries = [path for parent in ("usr/lib", "lib") for path in root.glob(f"{parent}/*-linux-*")]
    loaders = [loader for path in libraries for loader in path.glob("ld-linux*.so.*")]
    if not loaders or not (root / _SERVER).exists():
        raise LocalClusterError(f"{root} holds no complete MySQL server: remove it, and fetch it again")
    return [str(loaders[0]), "--library-path", ":".join(map(str, libraries)), str(root / _SERVER)]


def _fetch(folder: Path, tell: Callable[[str], None]) -> None:
    """Prepare everything in a folder beside the final one, so that whoever looks there finds all or nothing."""
    if not shutil.which("apt-get"):
        raise LocalClusterError("there is no apt-get on this system")
    for left in folder.glob("new-*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder) as scratch:
        apt = PrivateApt(Path(scratch, "apt"))
        tell("looking for a MySQL server in this system's archives")
        apt.update()
        packages = [one for one in apt.needed_for(_newest(apt.known(_PACKAGE))) if _NOT_USED not in one.name]
        tell(f"downloading MySQL: {len(packages)} packages, {sum(one.size for one in packages) / 1e6:.0f} MB")
        root = Path(scratch, "root")
        apt.unpack([one.name for one in packages], root)
        shutil.rmtree(root / _CLIENTS, ignore_errors=True)
        root.chmod(0o755)
        version = output([*command(root), "--version"]).partition("Ver ")[2].strip()
        root.rename(_root(folder))
    tell(f"unpacked MySQL {version} into {_root(folder)}")


def _newest(names: list[str]) -> str:
    """Return the package of this name, or the one with the highest version behind it."""
    numbers = {name: re.findall(r"\d+", name) for name in names if re.fullmatch(rf"{_PACKAGE}(-[\d.]+)?", name)}
    if not numbers:
        raise LocalClusterError(f"this system's archives, as far as they can be reached, have no {_PACKAGE}")
    return min(numbers, key=lambda name: (name != _PACKAGE, [-int(number) for number in numbers[name]]))


def _root(folder: Path) -> Path:
    return folder / f"mysql-{platform.machine()}"  # several machines may have one home


def _folders() -> Iterator[Path]:
    """Yield where the files may be, the best place first."""
    if os.geteuid() == 0:
        yield Path("/var/cache/aws-driver-local")
    else:
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        with suppress(RuntimeError):  # the user has no home
            yield (given if given.is_absolute() else Path.home() / ".cache") / "aws-driver-local"
    yield places.base()


def usable_folder() -> Path:
    """Return the folder to keep things in from cluster to cluster."""
    for folder in _folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:  # whose umask may be strict
                folder.chmod(folder.stat().st_mode | 0o111)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    raise LocalClusterError("there is no folder to keep a MySQL server in: set XDG_CACHE_HOME to one of yours")


@contextmanager
def _alone(folder: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder's lock; the kernel takes it from a process that dies."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process is fetching a MySQL server; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
