"""Finding MySQL's server program."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.mysql import obtain
from aws_advanced_python_wrapper.local.programs import said_of_version
from aws_advanced_python_wrapper.local.users import server_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.users import User

OLDEST = (8, 0, 26)  # the first that speaks of sources and replicas throughout
_PROGRAM = "mysqld"
_SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin"]  # not on an ordinary user's PATH
_NO_SERVER = "no MySQL server here: 'aws-driver-local get-mysql' fetches one, or give mysql_bin the path of a mysqld"
_ANOTHER = "'aws-driver-local get-mysql' fetches MySQL, or give mysql_bin a server of MySQL"


@dataclass(frozen=True, slots=True)
class Installation:
    """How to call the server, which `user` can run; another build has another `stamp`."""

    command: tuple[str, ...]
    version: str
    stamp: str
    user: User


def prepare(mysql_bin: str | None) -> Installation:
    """Find the server: the one given, or the first that will do of those on the PATH or fetched before.

    Raises `LocalClusterError` if there is none. What is on the PATH may be MariaDB, or too old.
    """
    user = server_user("MySQL", "mysql")
    if mysql_bin:
        return _installation(Path(mysql_bin).absolute(), user)
    reasons = []
    for place in _candidates():
        try:
            return _installation(place, user)
        except LocalClusterError as error:  # noqa: PERF203  # there are few
            reasons.append(error)
    raise reasons[0] if reasons else LocalClusterError(_NO_SERVER)


def have_server(tell: Callable[[str], None]) -> Installation:
    """Find a server, and fetch one where there is none that will do; `tell` hears of that.

    Raises `LocalClusterError` where no server can be had.
    """
    try:
        return prepare(None)
    except LocalClusterError:
        return prepare(str(obtain.obtain(tell)))


def _installation(place: Path, user: User) -> Installation:
    command = _command(place)
    said = said_of_version(command, user)
    version = re.search(r"Ver (\d+)\.(\d+)\.(\d+)", said)
    if version is None:
        raise LocalClusterError(
            f"{place} is no MySQL server that user {user.name} can run: give mysql_bin one, readable for all"
        )
    number, oldest = ".".join(version.groups()), ".".join(map(str, OLDEST))
    if "MariaDB" in said:
        raise LocalClusterError(f"{place} is MariaDB {number}: {_ANOTHER}, {oldest} or newer")
    if tuple(map(int, version.groups())) < OLDEST:
        raise LocalClusterError(f"{place} is MySQL {number}: {_ANOTHER}, {oldest} or newer")
    return Installation(tuple(command), number, said.strip(), user)


def _candidates() -> Iterator[Path]:
    for folder in [*os.environ.get("PATH", os.defpath).split(os.pathsep), *_SYSTEM_FOLDERS]:
        if place := shutil.which(_PROGRAM, path=folder):
            yield Path(place).absolute()
    if fetched := obtain.found():
        yield fetched


def _command(place: Path) -> list[str]:
    """Return how to call the server at `place`: the program, its folder, or the root of unpacked packages."""
    if (place / "usr/sbin" / _PROGRAM).exists():
        return [*obtain.command(place), "--no-defaults", *_options_of_unpacked(place / "usr")]
    program = next((one for one in (place, place / _PROGRAM, place / "bin" / _PROGRAM) if one.is_file()), None)
    if program is None:
        raise LocalClusterError(f"there is no mysqld at {place}: give mysql_bin MySQL's server program, or its folder")
    return [str(program), "--no-defaults"]


def _options_of_unpacked(prefix: Path) -> list[str]:
    """Return the options for a server whose files are not where it looks for them."""
    share = prefix / "share/mysql"
    return [
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
        f"--plugin-dir={prefix / 'lib/mysql/plugin'}",
    ]
