"""PostgreSQL servers with streaming replication."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.engine import Engine
from aws_advanced_python_wrapper.local.postgresql import configuration, installation, sql_surface
from aws_advanced_python_wrapper.local.postgresql.node import Credentials, PostgresqlNode
from aws_advanced_python_wrapper.local.postgresql.template import Template
from aws_advanced_python_wrapper.local.proxy.postgresql.dialogue import PostgresqlDialogue
from aws_advanced_python_wrapper.local.proxy.proxy import Proxy

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from aws_advanced_python_wrapper.local.node import Node, Site
    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts
    from aws_advanced_python_wrapper.local.settings import Settings


class PostgresqlEngine(Engine):
    """See `Engine`."""

    environment = "PG"

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._installation = installation.prepare(settings.postgres_bin, settings.postgres_version, directory)
        super().__init__(settings, directory, self._installation.version, self._installation.user)
        self._credentials = Credentials(directory / "passfile", secrets.token_hex(16))
        self._template = Template(self._installation, self.nodes_directory / "template")
        self._write_passfile()

    async def create_template(self) -> None:
        """See `Engine`."""
        await self._template.create(self.settings, self._credentials.password)

    async def copy_template(self, node: Node) -> None:
        """See `Engine`."""
        await self._template.copy(node.directory)

    def node(self, site: Site) -> PostgresqlNode:
        """See `Engine`."""
        own = sql_surface.settings(site.name, self.settings.deployment)
        socket = configuration.socket_in(self._socket_directory(site)) if self.settings.iam else {}
        extra = {**own, **socket, **self.settings.server_settings}
        text = configuration.server(site.address, site.port, self.settings.max_connections, extra)
        directory = self.nodes_directory / site.name
        return PostgresqlNode(site, directory, self._installation, self._credentials, text)

    def proxy(self, site: Site, port: int, tls: ssl.SSLContext | None, accepts: Accepts | None) -> Proxy:
        """See `Engine`. Where users of IAM are let in, clients come to the server over its Unix socket."""
        if accepts is None:
            return Proxy(site.name, site.address, port, (site.address, site.port), tls, PostgresqlDialogue)
        socket = self._socket_directory(site) / f".s.PGSQL.{site.port}"
        return Proxy(site.name, site.address, port, socket, tls, partial(PostgresqlDialogue, accepts=accepts))

    def _socket_directory(self, site: Site) -> Path:
        """Return, and make, a directory that only the servers' user may enter; a socket's path must be short."""
        directory = self.directory / f"s{site.number}"
        if not directory.exists():
            directory.mkdir(mode=0o700)
            self.user.give(directory)
        return directory

    def _write_passfile(self) -> None:
        passfile = self._credentials.passfile
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:{configuration.SUPERUSER}:{self._credentials.password}\n")
        self.user.give(passfile)
