"""Running a program to its end: on the event loop, or where there is none."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.processes import spawn
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.local.users import User

_TIMEOUT = 600.0  # s


def output(
    command: Sequence[str | Path],
    *,
    user: User | None = None,
    cwd: Path | None = None,
    check: bool = True,
    **variables: str,
) -> str:
    """Run a program to its end and return what it printed; its errors are told by their first lines."""
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            **(user.options() if user else {}),
        )
    except FileNotFoundError:
        raise LocalClusterError(f"there is no {command[0]} on this system") from None
    except OSError as error:
        raise LocalClusterError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise LocalClusterError(f"{command[0]} did not end within {_TIMEOUT:g} s") from None
    if check and done.returncode != 0:
        raise LocalClusterError(f"{command[0]} failed: {done.stderr.strip()[:500]}")
    return done.stdout


def said_of_version(command: Sequence[str | Path], user: User) -> str:
    """Return what a program says of its version when this user runs it; nothing if that fails."""
    with suppress(LocalClusterError):
        return output([*command, "--version"], user=user, cwd=Path("/"))
    return ""


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
