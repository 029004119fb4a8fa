"""Running a program to its end on the event loop."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.processes import spawn
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.local.users import User


async def run(
    user: User,
    command: Sequence[str | Path],
    cwd: Path,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> str:
    """Run a program to its end as the servers' user and return its output; cancelling kills it."""
    with tempfile.TemporaryFile() as output:
        process = spawn(command, user, cwd, output, stdin)
        try:
            await until(lambda: process.poll() is not None)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise LocalClusterError(f"{Path(command[0]).name} failed with status {process.returncode}:\n{text[-3000:]}")
    return text
