"""The options of a server, small and quick for a laptop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.mysql.sql_surface import server_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aws_advanced_python_wrapper.local.node import Site
    from aws_advanced_python_wrapper.local.settings import Settings

# A setting that not every version knows is "loose": a server that does not know it goes on without.
SMALL: dict[str, str] = {
    "loose-mysqlx": "OFF",
    "loose-performance-schema": "OFF",
    "innodb-buffer-pool-size": "16M",
    "loose-innodb-redo-log-capacity": "16M",
    "innodb-log-buffer-size": "1M",
    "innodb-autoextend-increment": "1",
}

_COMMON: dict[str, str] = {
    **SMALL,
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
    "innodb-purge-threads": "1",
    "innodb-read-io-threads": "1",
    "innodb-write-io-threads": "1",
    "table-open-cache": "256",
    "table-definition-cache": "400",
    "thread-cache-size": "16",
    "back-log": "1024",
    "connect-timeout": "60",  # the proxies end TLS, all in one thread: logins may have to wait for them
    "skip-name-resolve": "ON",
    "default-time-zone": "+00:00",
    # A process that dies is rehearsed here, not a machine that loses its power: written is enough.
    "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0",
    # Whoever starts is told its part by the supervisor.
    "skip-replica-start": "ON",
    "read-only": "ON",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "log-bin": "binlog",
    "log-bin-trust-function-creators": "ON",
    "binlog-expire-logs-seconds": "0",
    "relay-log": "relaylog",
    "relay-log-recovery": "ON",
    "log-replica-updates": "ON",
    "replica-net-timeout": "10",
    "plugin-load-add": "semisync_source.so;semisync_replica.so;mysql_clone.so",
    # The longest possible: nothing is confirmed that a standby does not have.
    "loose-rpl-semi-sync-source-timeout": "4294967295",
    "loose-rpl-semi-sync-source-wait-no-replica": "ON",
}
_FOR_IAM: dict[str, str] = {
    "plugin-load-add": f"{_COMMON['plugin-load-add']};auth_socket.so",
}


def options(site: Site, files: Mapping[str, Path | str], wanted: Settings) -> list[str]:
    """Return the command line of one server, but for the program; `files` are its paths by option."""
    settings = {
        **_COMMON,
        **(_FOR_IAM if wanted.iam else {}),
        **{name: str(path) for name, path in files.items()},
        "bind-address": site.address,
        "port": str(site.port),
        "server-id": str(server_id(site.number)),
        "max-connections": str(wanted.max_connections),
        **{name.replace("_", "-"): value for name, value in wanted.server_settings.items()},
    }
    return as_options(settings)


def as_options(settings: Mapping[str, str]) -> list[str]:
    """Return settings as the words of a command line."""
    return [f"--{name}={value}" for name, value in settings.items()]
