"""The drivers that a test runs with.

A test, or a whole module, says by a mark which ones: `@pytest.mark.drivers("postgresql", "mysql")` is every driver of
both engines, `@pytest.mark.drivers("mysql-pure")` one. Without a mark it is psycopg. The fixtures `cluster` and
`connect` are then of that driver; the fixture `driver` is for what differs. Tests imported into `aio` get the asyncio
drivers.

To have an existing test run with all of them:

- mark it, or its module by `pytestmark = every_driver`, or `both_engines`;
- `execute(connection, ...)` of `cluster.support` stands for psycopg's `connection.execute(...)`, `value` for its first
  value, and `instance_of`, `is_reader`, `process_of` for what every engine is asked in its own words. Other words that
  differ are a field of `cluster.engines.Engine`, found by `driver.engine`;
- errors of the driver are `driver.module.OperationalError` and so on;
- what is psycopg's own in such a module keeps `@pytest.mark.drivers("postgresql")`: the nearest mark counts.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from cluster.engines import MYSQL, POSTGRESQL, Engine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

every_driver = pytest.mark.drivers("postgresql", "mysql")

both_engines = pytest.mark.drivers("postgresql", "mysql-c", "mysql-aio")
"""For what adapters have little to do with, or what takes long: one driver of each engine, in each flavour."""


@dataclass(frozen=True)
class Driver:
    """One way to connect: `target` names the driver's own function, `arguments` are what it is always given."""

    name: str
    engine: Engine
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> ModuleType:
        """The driver itself, with PEP 249's exceptions."""
        return import_module(self.target.partition(":")[0].removesuffix(".aio"))

    @property
    def connect(self) -> Any:
        """The driver's own function."""
        found: Any = import_module(self.target.partition(":")[0])
        for name in self.target.partition(":")[2].split("."):
            found = getattr(found, name)
        return found

    def verified_tls(self, ca_file: Path) -> dict[str, Any]:
        """Return the arguments for TLS with the server's certificate and name checked."""
        if self.engine is POSTGRESQL:
            return {"sslmode": "verify-full", "sslrootcert": str(ca_file)}
        if self.name == "aiomysql":
            return {"ssl": ssl.create_default_context(cafile=ca_file)}
        return {"ssl_ca": str(ca_file), "ssl_verify_cert": True, "ssl_verify_identity": True}

    @property
    def no_tls(self) -> dict[str, Any]:
        """The arguments for a connection without TLS."""
        if self.engine is POSTGRESQL:
            return {"sslmode": "disable"}
        return {"ssl": None} if self.name == "aiomysql" else {"ssl_disabled": True}

    def is_encrypted(self, connection: Any) -> bool:
        """Tell whether a connection uses TLS."""
        if self.engine is POSTGRESQL:
            return bool(connection.pgconn.ssl_in_use)
        if self.name == "aiomysql":
            return connection._writer.get_extra_info("ssl_object") is not None
        return bool(connection._cmysql.get_ssl_cipher() if self.arguments == C_EXTENSION else connection.is_secure)

    def skip_if_missing(self) -> None:
        """Skip the test where this driver is not installed, or only in part."""
        module = self.target.partition(":")[0]
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            pytest.skip(f"{self.name}: there is no module {error.name}")
        if self.arguments == C_EXTENSION and not self.module.HAVE_CEXT:
            pytest.skip(f"{self.name}: the C extension of MySQL Connector/Python is not installed, or cannot be loaded")


C_EXTENSION = {"use_pure": False}

BLOCKING = {
    driver.name: driver
    for driver in (
        Driver("psycopg", POSTGRESQL, "psycopg:Connection.connect"),
        Driver("mysql-c", MYSQL, "mysql.connector:connect", C_EXTENSION),
        Driver("mysql-pure", MYSQL, "mysql.connector:connect", {"use_pure": True}),
    )
}

ASYNCIO = {
    driver.name: driver
    for driver in (
        Driver("psycopg", POSTGRESQL, "psycopg:AsyncConnection.connect"),
        Driver("mysql-aio", MYSQL, "mysql.connector.aio:connect"),
        Driver("aiomysql", MYSQL, "aiomysql:connect"),
    )
}


def of_test(drivers: Mapping[str, Driver], mark: pytest.Mark | None) -> list[str]:
    """Return the names of the drivers that a test is for."""
    wanted = mark.args if mark else (POSTGRESQL.name,)
    return [driver.name for driver in drivers.values() if {driver.name, driver.engine.name} & {*wanted}]
