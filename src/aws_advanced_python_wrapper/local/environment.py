"""What a program is told of a cluster: variables of its environment, and how to ask for verified TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.local.cluster import LocalCluster

NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL"}
"""How the engines are called in texts."""


def environment(cluster: LocalCluster) -> dict[str, str]:
    """Return the variables that tell a program how to reach the cluster.

    Those that libpq or MySQL's clients read themselves, `AWS_DRIVER_LOCAL_CONNINFO`, and with `iam` those of AWS's
    SDKs and the certificates that requests is to trust. MySQL's clients take no user and database from the environment:
    `MYSQL_USER` and `MYSQL_DATABASE` are for the program.
    """
    engine = _mysql if cluster.settings.engine == "mysql" else _postgresql
    of_iam = _iam(cluster) if cluster.settings.iam else {}
    return {**engine(cluster), **of_iam, "AWS_DRIVER_LOCAL_CONNINFO": connection_string(cluster)}


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


def directions(cluster: LocalCluster) -> list[tuple[str, str]]:
    """Return what there is to copy for those who want to connect, each with its name."""
    names = cluster.settings.names()
    return [
        ("writer", cluster.writer_endpoint),
        ("readers", cluster.reader_endpoint),
        *(("custom", names.custom(name)) for name in cluster.status().custom_endpoints),
        ("connect", connection_string(cluster)),
        ("TLS", verified_tls(cluster)),
        *(_ways_to_sign_in(cluster) if cluster.settings.iam else ()),
        ("run", f"aws-driver-local run --name {names.cluster} -- CMD   (the names resolve in CMD)"),
    ]


def _ways_to_sign_in(cluster: LocalCluster) -> list[tuple[str, str]]:
    adfs, okta = (_written(cluster.idp.parameters(provider)) for provider in ("adfs", "okta"))
    return [
        ("IAM", f"user={cluster.iam_user} plugins=iam {verified_tls(cluster)}"),
        ("secret", f"plugins=aws_secrets_manager secrets_manager_secret_id={cluster.aws.secret_id}"),
        ("AD FS", f"{adfs} {verified_tls(cluster)}"),
        ("Okta", f"{okta} {verified_tls(cluster)}"),
        ("AWS", f"{cluster.aws.endpoint}, region {cluster.aws.region}   (AWS's SDKs find it in CMD)"),
    ]


def _written(parameters: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())


def _iam(cluster: LocalCluster) -> dict[str, str]:
    of_aws = cluster.aws.environment()
    direct = ",".join([*cluster.idp.hosts, of_aws["NO_PROXY"]])
    return {**of_aws, "NO_PROXY": direct, "no_proxy": direct, "REQUESTS_CA_BUNDLE": str(cluster.idp.ca_bundle)}


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
