"""What a program is told of a cluster: variables of its environment, and how to ask for verified TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.cluster import LocalCluster

NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL"}
"""How the engines are called in texts."""


def environment(cluster: LocalCluster) -> dict[str, str]:
    """Return the variables that tell a program how to reach the cluster.

    Those that libpq or MySQL's clients read themselves, and `AWS_DRIVER_LOCAL_CONNINFO`. MySQL's clients take no user
    and database from the environment: `MYSQL_USER` and `MYSQL_DATABASE` are for the program.
    """
    engine = _mysql if cluster.settings.engine == "mysql" else _postgresql
    return {**engine(cluster), "AWS_DRIVER_LOCAL_CONNINFO": connection_string(cluster)}


def connection_string(cluster: LocalCluster) -> str:
    """Return how to connect in a form that others than this driver read too: libpq's, and for MySQL a URL."""
    if cluster.settings.engine != "mysql":
        return cluster.conninfo()
    user, password, database = (quote(one, safe="") for one in (cluster.user, cluster.password, cluster.database))
    return f"mysql://{user}:{password}@{cluster.writer_endpoint}:{cluster.port}/{database}"


def verified_tls(cluster: LocalCluster) -> str:
    """Return the connection parameters for TLS with the server's name checked."""
    if cluster.settings.engine == "mysql":
        return f"ssl_ca={cluster.ca_file} ssl_verify_cert=true ssl_verify_identity=true"
    return f"sslmode=verify-full sslrootcert={cluster.ca_file}"


def _postgresql(cluster: LocalCluster) -> dict[str, str]:
    return {
        "PGHOST": cluster.writer_endpoint,
        "PGGSSENCMODE": "disable",
        "PGPORT": str(cluster.port),
        "PGUSER": cluster.user,
        "PGPASSWORD": cluster.password,
        "PGDATABASE": cluster.database,
    }


def _mysql(cluster: LocalCluster) -> dict[str, str]:
    return {
        "MYSQL_HOST": cluster.writer_endpoint,
        "MYSQL_TCP_PORT": str(cluster.port),
        "MYSQL_USER": cluster.user,
        "MYSQL_PWD": cluster.password,
        "MYSQL_DATABASE": cluster.database,
    }
