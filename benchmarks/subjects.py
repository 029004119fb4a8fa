"""The drivers that the benchmarks measure, and servers of the local cluster for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.local.mysql.installation import have_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_advanced_python_wrapper.local import LocalCluster

POSTGRESQL_ROWS = "select i, 'row' from generate_series(1, 1000) i"
MYSQL_ROWS = """
    with recursive numbers as (select 1 as i union all select i + 1 from numbers where i < 1000)
    select i, 'row' from numbers
"""


@dataclass(frozen=True)
class Subject:
    """A driver, by the function that connects, and what is always given to it."""

    name: str
    engine: str
    target: str
    given: Mapping[str, Any] = field(default_factory=dict)
    asynchronous: bool = False

    @property
    def module(self) -> str:
        """The driver's package."""
        return self.target.partition(":")[0]

    @property
    def pep249(self) -> str:
        """Our module that stands for it."""
        flavour = "aio." if self.asynchronous else ""
        return f"aws_advanced_python_wrapper.{flavour}{'psycopg' if self.engine == 'postgresql' else self._mysql}"

    @property
    def rows(self) -> str:
        """A query for 1,000 rows."""
        return POSTGRESQL_ROWS if self.engine == "postgresql" else MYSQL_ROWS

    @property
    def server(self) -> dict[str, Any]:
        """What a local cluster is told; a MySQL server is fetched where there is none."""
        if self.engine == "mysql":
            have_server(print)
        return {"engine": self.engine}

    @property
    def connect(self) -> Callable[..., Any]:
        """The driver's own function."""
        found: Any = import_module(self.module)
        for name in self.target.partition(":")[2].split("."):
            found = getattr(found, name)
        return found  # type: ignore[no-any-return]

    def bare(self, cluster: LocalCluster) -> Any:
        """Connect to the writer by the driver alone; in asyncio an awaitable."""
        parameters = cluster.parameters(cluster.writer.host)
        if self.name == "aiomysql":
            parameters["db"] = parameters.pop("database")
        return self.connect(**parameters, **self.given, autocommit=True)

    def ours(self, cluster: LocalCluster, host: str | None = None, **options: Any) -> Any:
        """Connect to the writer, or to a host; in asyncio an awaitable."""
        conninfo = cluster.conninfo() if host is None else cluster.conninfo(host=host)
        connection_class = AsyncAwsWrapperConnection if self.asynchronous else AwsWrapperConnection
        return connection_class.connect(self.connect, conninfo, autocommit=True, **self.given, **options)

    @property
    def _mysql(self) -> str:
        return "aiomysql" if self.name == "aiomysql" else "mysql_connector"


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("psycopg", "postgresql", "psycopg:Connection.connect"),
        Subject("psycopg-async", "postgresql", "psycopg:AsyncConnection.connect", asynchronous=True),
        Subject("mysql-c", "mysql", "mysql.connector:connect", {"use_pure": False}),
        Subject("mysql-pure", "mysql", "mysql.connector:connect", {"use_pure": True}),
        Subject("mysql-aio", "mysql", "mysql.connector.aio:connect", asynchronous=True),
        Subject("aiomysql", "mysql", "aiomysql:connect", asynchronous=True),
    )
}
