"""The configuration files of a node, small and quick for a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.postgresql.sql_surface import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SUPERUSER = "rdsadmin"
REPLICATION_FILE = "replication.conf"

_HBA = """\
# Loopback only, and always with a password. The server listens nowhere else.
host  all          all       127.0.0.0/8  scram-sha-256
host  replication  rdsadmin  127.0.0.0/8  scram-sha-256
"""
# From PostgreSQL 16 on, who may grant a role, or made a user of it, is a member too: the master user has a password.
_IAM_HBA = """\
# Over this socket the proxies come, which ask users of IAM for tokens. Whoever can reach it is the server's own user.
local all          {master}  scram-sha-256
local all          +rds_iam  trust
local all          all       scram-sha-256
host  all          {master}  127.0.0.0/8  scram-sha-256
host  all          +rds_iam  127.0.0.0/8  reject
"""

_COMMON: dict[str, str] = {
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "32MB",
    "huge_pages": "off",
    # Files in the data directory instead of /dev/shm, where a killed server would leave them.
    "dynamic_shared_memory_type": "mmap",
    # A process that dies is rehearsed here, not a machine that loses its power.
    "fsync": "off",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "max_wal_senders": "40",
    "max_replication_slots": "20",
    "wal_keep_size": "256MB",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "synchronous_commit": "on",
    "wal_retrieve_retry_interval": "50ms",
    "wal_receiver_status_interval": "1s",
    "max_worker_processes": "8",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_messages": "warning",
    "datestyle": "iso, mdy",
    "lc_messages": "C",
    "default_text_search_config": "pg_catalog.english",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a standby gets its WAL from."""

    address: str
    port: int
    passfile: Path

    def conninfo(self, application_name: str) -> str:
        """Return the connection string, without the password."""
        values = {
            "host": self.address,
            "port": str(self.port),
            "user": SUPERUSER,
            "passfile": str(self.passfile),
            "application_name": application_name,
            "sslmode": "disable",
            "gssencmode": "disable",
            "connect_timeout": "3",
        }
        return " ".join(f"{key}={_conninfo_value(value)}" for key, value in values.items())


def server(address: str, port: int, max_connections: int, extra: Mapping[str, str]) -> str:
    """Return postgresql.conf for one node."""
    settings = {
        **_COMMON,
        "listen_addresses": address,
        "port": str(port),
        "max_connections": str(max_connections),
        **extra,
    }
    return _lines(settings) + f"include '{REPLICATION_FILE}'\n"


def hba(master: str, *, iam: bool) -> str:
    """Return pg_hba.conf; `master` is the name of the master user."""
    return (_IAM_HBA.format(master=identifier(master)) if iam else "") + _HBA


def socket_in(directory: Path) -> dict[str, str]:
    """Return the setting with which a server listens at a Unix socket too."""
    return {"unix_socket_directories": identifier(str(directory))}


def replication(instance: str, source: Source | None, synchronous: Sequence[str]) -> str:
    """Return what changes with the roles: whom to follow, and who must have what is committed."""
    names = ", ".join(identifier(name) for name in synchronous)
    return _lines(
        {
            "primary_conninfo": source.conninfo(instance) if source else "",
            "synchronous_standby_names": f"ANY 1 ({names})" if names else "",
        }
    )


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name} = {_setting_value(value)}\n" for name, value in settings.items())


def _setting_value(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _conninfo_value(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
