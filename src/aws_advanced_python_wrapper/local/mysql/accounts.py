"""The accounts that the cluster keeps for itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the servers."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """`admin` may do everything, on the server's Unix socket only; `replication` copies from a server over TCP."""

    admin: Account
    replication: Account

    @classmethod
    def random(cls) -> Accounts:
        """Return accounts whose passwords nobody knows."""
        return cls(Account("rdsadmin", secrets.token_hex(16)), Account("rdsrepladmin", secrets.token_hex(16)))
