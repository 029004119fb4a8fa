"""What makes the servers of one cluster: the seam between the supervisor and the database engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from aws_advanced_python_wrapper.local.node import Node, Site
    from aws_advanced_python_wrapper.local.proxy.dialogue import Accepts
    from aws_advanced_python_wrapper.local.proxy.proxy import Proxy
    from aws_advanced_python_wrapper.local.settings import Settings
    from aws_advanced_python_wrapper.local.users import User

_ENGINES = {
    "postgresql": "postgresql.engine:PostgresqlEngine",
    "mysql": "mysql.engine:MysqlEngine",
}


class Engine(ABC):
    """Makes servers that begin with the same data; `directory` is the cluster's.

    Making one raises `LocalClusterError` when there are no programs that could be run.
    """

    environment: ClassVar[str]
    """The beginning of the names of variables that would lead the engine's programs astray."""

    def __init__(self, settings: Settings, directory: Path, version: str, user: User) -> None:
        self.settings = settings
        self.directory = directory
        self.version = version
        self.user = user
        self.nodes_directory.mkdir(mode=0o700)
        user.give(self.nodes_directory)

    @property
    def nodes_directory(self) -> Path:
        """Where the servers' data is."""
        return self.directory / "nodes"

    @abstractmethod
    async def create_template(self) -> None:
        """Make the data that the nodes of a new cluster begin with."""

    @abstractmethod
    async def copy_template(self, node: Node) -> None:
        """Give a node that has none that data."""

    @abstractmethod
    def node(self, site: Site) -> Node:
        """Return a server, without data and not running."""

    @abstractmethod
    def proxy(self, site: Site, port: int, tls: ssl.SSLContext | None, accepts: Accepts | None) -> Proxy:
        """Return what listens for the clients of a server, at its address and `port`.

        With `accepts`, users of IAM sign in with tokens.
        """


def load(settings: Settings, directory: Path) -> Engine:
    """Make the engine that the settings name; its modules are imported only now."""
    module, name = _ENGINES[settings.engine].split(":")
    found = getattr(import_module(f"{__package__}.{module}"), name)
    return cast("Callable[[Settings, Path], Engine]", found)(settings, directory)
