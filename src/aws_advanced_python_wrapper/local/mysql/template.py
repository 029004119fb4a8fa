"""The data all nodes of a new cluster begin with.

To initialize a data directory takes seconds of a processor, so it is done once for each server program: the result,
which knows no account yet, is kept as an archive beside the clusters. A cluster's own accounts and tables are made by
each node when it first starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local import places
from aws_advanced_python_wrapper.local.mysql import configuration
from aws_advanced_python_wrapper.local.programs import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aws_advanced_python_wrapper.local.mysql.installation import Installation

_FOLDERS = ("data", "files", "tmp")  # the database, what clients may read, and what the server puts aside


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
        if not self._archive.exists():
            await self._initialize()

    async def copy(self, target: Path) -> None:
        """Make the folder of a node."""
        for folder in (target, *(target / name for name in _FOLDERS)):
            folder.mkdir(mode=0o700)
            self.installation.user.give(folder)
        command: list[str | Path] = ["tar", "-xf", self._archive, "-C", target / "data"]
        await run(self.installation.user, command, target)

    @property
    def _archive(self) -> Path:
        made_with = "\n".join([*self.installation.command, *configuration.as_options(configuration.SMALL)])
        digest = hashlib.sha256(f"{self.installation.stamp}\n{made_with}".encode()).hexdigest()[:12]
        return places.base() / f"mysql-{self.installation.version}-{digest}.tar"

    async def _initialize(self) -> None:
        data, archive = self.nodes / "first", self.nodes / "first.tar"
        settings = {**configuration.SMALL, "datadir": str(data), "tmpdir": str(self.nodes)}
        options = ["--initialize-insecure", "--skip-log-bin", *configuration.as_options(settings)]
        await run(self.installation.user, [*self.installation.command, *options], self.nodes)
        (data / "auto.cnf").unlink(missing_ok=True)  # each server makes an identity of its own
        command: list[str | Path] = ["tar", "-cf", archive, "-C", data, "."]
        await run(self.installation.user, command, self.nodes)
        archive.chmod(0o600)  # the servers' private keys are in it
        archive.replace(self._archive)  # complete, or not there
        await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, data)
