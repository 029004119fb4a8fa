"""The data directory all nodes of a new cluster begin as copies of."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.postgresql import sql_surface
from aws_advanced_python_wrapper.local.postgresql.configuration import SUPERUSER, hba
from aws_advanced_python_wrapper.local.programs import run

if TYPE_CHECKING:
    from pathlib import Path

    from aws_advanced_python_wrapper.local.postgresql.installation import Installation
    from aws_advanced_python_wrapper.local.settings import Settings


@dataclass(frozen=True, slots=True)
class Template:
    """Makes and copies the first data directory, without ever starting a server."""

    installation: Installation
    directory: Path

    async def create(self, settings: Settings, superuser_password: str) -> None:
        """Run initdb, then the SQL through a single-user backend, which needs no server."""
        initdb: list[str | Path] = [
            self.installation.program("initdb"),
            *("--pgdata", str(self.directory), "--username", SUPERUSER, "--auth", "trust", "--no-sync"),
            *("--encoding", "UTF8", "--locale", "C", "--wal-segsize", "4"),
        ]
        await run(self.installation.user, initdb, self.directory.parent)
        await self._single_user(
            sql_surface.roles(superuser_password, settings.user, settings.password)
            + (sql_surface.iam(settings.user, settings.iam_user) if settings.iam else "")
            + sql_surface.functions(settings.deployment)
            + sql_surface.databases(settings.user, settings.database)
        )
        (self.directory / "pg_hba.conf").write_text(hba(settings.user, iam=settings.iam))

    async def copy(self, target: Path) -> None:
        """Copy the data directory; the server was shut down cleanly, so the copy is a complete backup."""
        await run(self.installation.user, ["cp", "-R", str(self.directory), str(target)], target.parent)

    async def _single_user(self, statements: str) -> None:
        # -j: a statement ends with a semicolon and an empty line. -O: the system catalog may be changed.
        options = [
            "-j",
            "-O",
            "-F",
            "-c",
            "password_encryption=scram-sha-256",
            "-c",
            "log_min_messages=warning",
        ]
        with tempfile.TemporaryFile() as script:
            script.write((statements.strip() + "\n\n").encode())
            script.seek(0)
            command: list[str | Path] = [
                self.installation.program("postgres"),
                "--single",
                *options,
                "-D",
                self.directory,
                "template1",
            ]
            output = await run(self.installation.user, command, self.directory.parent, script)
        # The single-user backend ends with status 0 whatever happened.
        if problems := [line for line in output.splitlines() if "ERROR:" in line or "FATAL:" in line]:
            raise LocalClusterError("the database could not be prepared:\n" + "\n".join(problems))
