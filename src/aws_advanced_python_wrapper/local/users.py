"""The user the servers run as.

The reaper imports this too: nothing heavy may be imported here.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """The user the servers run as; `switch` says whether this process has to change to it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def give(self, path: Path) -> None:
        """Make a file or directory this user's own."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def options(self) -> dict[str, Any]:
        """Return the arguments that have `subprocess` run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}


def server_user(server: str, own_user: str) -> User:
    """Return who runs the servers: they refuse to run as root, so root lends them to somebody else.

    `server` is the product's name, `own_user` the one it has on many systems.
    """
    if os.geteuid() != 0:
        return User(login(), os.geteuid(), os.getegid(), switch=False)
    for name in (own_user, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise LocalClusterError(
        f"{server} does not run as root: add a user {own_user!r}, or start the cluster as another user"
    )


def login() -> str:
    """Return the name of this process's user."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        return str(os.geteuid())
