"""The data all nodes of a new cluster begin as copies of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.mysql import configuration
from aws_advanced_python_wrapper.local.programs import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aws_advanced_python_wrapper.local.mysql.installation import Installation

FOLDERS = ("files", "tmp")  # what clients may read, and what the server puts aside


@dataclass(frozen=True, slots=True)
class Template:
    """Makes and copies the first data directory, without ever starting a server for clients."""

    installation: Installation
    directory: Path

    async def create(self, statements: Sequence[str]) -> None:
        """Initialize the data directory and run the statements in it."""
        script = self.directory.with_suffix(".sql")
        script.touch(mode=0o600)
        script.write_text("".join(f"{statement};\n" for statement in statements))
        self.installation.user.give(script)
        settings = {**configuration.SMALL, "datadir": str(self.directory), "init-file": str(script)}
        options = ["--initialize-insecure", "--skip-log-bin", *configuration.as_options(settings)]
        try:
            await run(self.installation.user, [*self.installation.command, *options], self.directory.parent)
        finally:
            script.unlink()
        (self.directory / "auto.cnf").unlink(missing_ok=True)  # each server makes an identity of its own

    async def copy(self, target: Path) -> None:
        """Make the directory of a node, with a copy of the data; the template was shut down cleanly."""
        for folder in (target, *(target / name for name in FOLDERS)):
            folder.mkdir(mode=0o700)
            self.installation.user.give(folder)
        await run(self.installation.user, ["cp", "-R", str(self.directory), str(target / "data")], target)
