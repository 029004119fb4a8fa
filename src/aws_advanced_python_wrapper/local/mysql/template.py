"""The data all nodes of a new cluster begin with.

To initialize a data directory takes seconds of a processor, so it is done once for each server program: the result,
which knows no account yet, is kept as an archive in the cache folder. A cluster's own accounts and tables are made by
each node when it first starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.mysql import configuration, obtain
from aws_advanced_python_wrapper.local.programs import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.local.mysql.installation import Installation

_FOLDERS = ("data", "files", "tmp")  # the database, what clients may read, and what the server puts aside
_LONGEST_UNUSED = 7 * 24 * 3600.0  # s; an archive that is removed all the same is made anew when it is needed


@dataclass(frozen=True, slots=True)
class Template:
    """Makes the folders of the nodes in `nodes`."""

    installation: Installation
    nodes: Path

    @property
    def script(self) -> Path:
        """What a node does when it starts for the first time."""
        return self.nodes / "first.sql"

    async def create(self, statements: Sequence[str]) -> None:
        """Prepare the data, and the statements for the first start, which belong in no other node's binary log."""
        self.script.touch(mode=0o600)
        self.script.write_text("".join(f"{one};\n" for one in ["SET SESSION sql_log_bin = OFF", *statements]))
        self.installation.user.give(self.script)
        await self._have_archive()

    async def copy(self, target: Path) -> None:
        """Make the folder of a node."""
        for folder in (target, *(target / name for name in _FOLDERS)):
            folder.mkdir(mode=0o700)
            self.installation.user.give(folder)
        command: list[str | Path] = ["tar", "-xf", await self._have_archive(), "-C", target / "data"]
        await run(self.installation.user, command, target)

    async def _have_archive(self) -> Path:
        user = self.installation.user
        made_with = [*self.installation.command, *configuration.as_options(configuration.SMALL), str(user.uid)]
        digest = hashlib.sha256("\n".join([self.installation.stamp, *made_with]).encode()).hexdigest()[:12]
        archive = obtain.usable_folder() / f"mysql-{self.installation.version}-{digest}.tar"
        if not archive.exists():
            await self._initialize(archive)
        os.utime(archive)  # when it was last used
        return archive

    async def _initialize(self, archive: Path) -> None:
        user, fresh = self.installation.user, self.nodes / "first.tar"
        data, sparse = self.nodes / "first", self.nodes / "sparse"
        settings = {**configuration.SMALL, "datadir": str(data), "tmpdir": str(self.nodes)}
        options = ["--initialize-insecure", "--skip-log-bin", *configuration.as_options(settings)]
        await run(user, [*self.installation.command, *options], self.nodes)
        (data / "auto.cnf").unlink(missing_ok=True)  # each server makes an identity of its own
        # More than half of it is zeros; to compress the rest would take each node longer than it saves.
        await run(user, ["cp", "-R", "--sparse=always", data, sparse], self.nodes)
        await run(user, ["tar", "-cSf", fresh, "-C", sparse, "."], self.nodes)
        await asyncio.get_running_loop().run_in_executor(None, self._keep, fresh, archive)
        for folder in (data, sparse):
            await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, folder)

    def _keep(self, fresh: Path, archive: Path) -> None:
        """Put an archive in its place, where it is complete or not there; remove those that nobody uses any more."""
        with tempfile.NamedTemporaryFile(prefix=f"{archive.name}.", dir=archive.parent, delete=False) as file:
            shutil.copyfile(fresh, file.name)  # the file is its user's alone: the servers' private keys are in it
            self.installation.user.give(Path(file.name))
            Path(file.name).replace(archive)
        fresh.unlink()
        for other in archive.parent.glob("mysql-*.tar*"):
            if time.time() - other.stat().st_mtime > _LONGEST_UNUSED:
                other.unlink(missing_ok=True)
