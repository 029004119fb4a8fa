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
from aws_advanced_python_wrapper.local.users import server_user

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.users import User

OLDEST = (8, 0, 26)  # the first that speaks of sources and replicas throughout
_PROGRAM = "mysqld"
_SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin"]  # not on an ordinary user's PATH
_NO_SERVER = "no MySQL server here: 'aws-driver-local get-mysql' fetches one, or give mysql_bin the path of a mysqld"


@dataclass(frozen=True, slots=True)
class Installation:
    """How to call the server, which `user` can run; another build has another `stamp`."""

    command: tuple[str, ...]
    version: str
    stamp: str
    user: User


def prepare(mysql_bin: str | None) -> Installation:
    """Find the server: the one given, on the PATH, or fetched before; raises `LocalClusterError` if there is none."""
    user = server_user("MySQL", "mysql")
    place = Path(mysql_bin).absolute() if mysql_bin else _found()
    command = _command(place)
    said = user.ask([*command, "--version"])
    version = re.search(r"Ver (\d+)\.(\d+)\.(\d+)", said)
    if version is None:
        raise LocalClusterError(
            f"{place} is no MySQL server that user {user.name} can run: give mysql_bin one, readable for all"
        )
    number, oldest = ".".join(version.groups()), ".".join(map(str, OLDEST))
    if "MariaDB" in said:
        raise LocalClusterError(f"{place} is MariaDB {number}: give mysql_bin a server of MySQL, {oldest} or newer")
    if tuple(map(int, version.groups())) < OLDEST:
        raise LocalClusterError(f"{place} is MySQL {number}: {oldest} or newer is needed, see mysql_bin")
    return Installation(tuple(command), number, said.strip(), user)


def _found() -> Path:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])
    place = shutil.which(_PROGRAM, path=path) or obtain.found()
    if place is None:
        raise LocalClusterError(_NO_SERVER)
    return Path(place)


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
