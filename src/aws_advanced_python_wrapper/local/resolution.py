"""Make the names of a hosts file resolve in this process, or in a program about to be started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Mode = Literal["auto", "namespace", "hook", "none"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """How names resolve now (`mode`: namespace, hook or none) and why that way (`reason`)."""

    mode: Mode
    reason: str
    hosts_file: Path

    def leave(self) -> None:
        """Take the hook out of this process again; a namespace stays for the rest of the process's life."""


def enter(hosts_file: Path, mode: Mode = "auto") -> Resolution:
    """Make the names resolve in this process and the children it starts from now on."""
    raise NotImplementedError


def run(
    command: Sequence[str], hosts_file: Path, environment: Mapping[str, str], mode: Mode = "auto"
) -> subprocess.Popen[bytes]:
    """Start `command` with the names resolving in it; `environment` is added to this process's own."""
    raise NotImplementedError
