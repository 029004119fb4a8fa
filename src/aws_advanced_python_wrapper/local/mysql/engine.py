"""MySQL servers with semi-synchronous replication by GTID."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.engine import Engine
from aws_advanced_python_wrapper.local.mysql import installation, sql_surface
from aws_advanced_python_wrapper.local.mysql.accounts import Accounts
from aws_advanced_python_wrapper.local.mysql.node import MysqlNode
from aws_advanced_python_wrapper.local.mysql.template import Template
from aws_advanced_python_wrapper.local.proxy.mysql.dialogue import MysqlDialogue
from aws_advanced_python_wrapper.local.proxy.mysql.face import MysqlFace
from aws_advanced_python_wrapper.local.proxy.proxy import Proxy

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from aws_advanced_python_wrapper.local.node import Node, Site
    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts
    from aws_advanced_python_wrapper.local.settings import Settings

_AURORA_VERSION = "3.10.0"


class MysqlEngine(Engine):
    """See `Engine`."""

    environment = "MYSQL_"

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._installation = installation.prepare(settings.mysql_bin)
        super().__init__(settings, directory, self._installation.version, self._installation.user)
        self._accounts = Accounts.random()
        self._template = Template(self._installation, self.nodes_directory)

    async def create_template(self) -> None:
        """See `Engine`."""
        await self._template.create(sql_surface.initial(self.settings, self._accounts))

    async def copy_template(self, node: Node) -> None:
        """See `Engine`."""
        await self._template.copy(node.directory)

    def node(self, site: Site) -> MysqlNode:
        """See `Engine`."""
        return MysqlNode(site, self._template, self._accounts, self.settings)

    def proxy(self, site: Site, port: int, tls: ssl.SSLContext | None, accepts: Accepts | None) -> Proxy:
        """See `Engine`. Clients come to the server over its Unix socket, where it takes passwords as they are."""
        speaks = partial(MysqlDialogue, face=self._face(site, port), accepts=accepts)
        socket = self.nodes_directory / f"s{site.number}"
        return Proxy(site.name, site.address, port, socket, tls, speaks)

    def _face(self, site: Site, port: int) -> MysqlFace:
        """Return what the instance says of itself that no stock server does, or not this one."""
        return replace(self._own_face(site, port), token_users=sql_surface.token_users() if self.settings.iam else "")

    def _own_face(self, site: Site, port: int) -> MysqlFace:
        own = {"hostname": f"ip-{site.address.replace('.', '-')}", "port": str(port)}
        if self.settings.deployment == "aurora":
            return MysqlFace.aurora(site.name, _AURORA_VERSION, sql_surface.REPLICA_HOST_STATUS, **own)
        if self.settings.deployment == "plain":
            return MysqlFace.stock(**own)
        return MysqlFace.rds(report_host=site.host, **own)
