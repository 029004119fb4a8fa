"""The AWS of a cluster, begun beside its servers: what serves it takes a second to import."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local import direct
from aws_advanced_python_wrapper.local.aws.keys import AccessKey

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.aws.controls import AwsControls
    from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController

ENVIRONMENT = ("AWS_", "MOTO_")
"""The beginnings of the names of variables that would lead the services astray."""
NO_CONFIGURATION = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""Variables that keep the user's own configuration of AWS away from the services."""
_PATIENCE = 10  # s
_ENGINES = {"postgresql": "postgres", "mysql": "mysql"}  # as they are called in secrets


async def start(cluster: ClusterController) -> AwsControls:
    """Serve AWS from now on."""
    return await asyncio.to_thread(_start, cluster, asyncio.get_running_loop())


def _start(cluster: ClusterController, loop: asyncio.AbstractEventLoop) -> AwsControls:
    from aws_advanced_python_wrapper.local.aws.controls import AwsControls, Plan  # noqa: PLC0415  # heavy

    settings, names = cluster.settings, cluster.names
    plan = Plan(
        address=cluster.network.aws,
        port=cluster.network.port,
        region=settings.region,
        static_key=AccessKey(settings.access_key_id, settings.secret_access_key),
        keys=cluster.keys,
        secret=names.secret,
        master={
            "username": settings.user,
            "password": settings.password,
            "engine": _ENGINES[settings.engine],
            "host": names.writer,
            "port": cluster.network.port,
            "dbname": settings.database,
            ("dbClusterIdentifier" if names.is_cluster else "dbInstanceIdentifier"): settings.name,
        },
        database=WriterDatabase(cluster, loop),
        check_assertion=cluster.idp.check_assertion if cluster.idp else None,
    )
    return AwsControls(plan)


class WriterDatabase:
    """See `Database`; for threads. Asks the server that is the writer at that moment."""

    def __init__(self, cluster: ClusterController, loop: asyncio.AbstractEventLoop) -> None:
        self._cluster = cluster
        self._loop = loop
        self._engine = cluster.settings.engine

    def set_password(self, user: str, password: str) -> None:
        """See `Database`."""
        # MySQL lets nobody log in while it waits for a standby to confirm this: the standby has to be there already.
        asyncio.run_coroutine_threadsafe(self._cluster.writer.node.write(), self._loop).result(_PATIENCE)
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            direct.change_password(self._engine, cursor, user, password)

    def log_in(self, user: str, password: str) -> None:
        """See `Database`."""
        with closing(self._connect(user=user, password=password)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def _connect(self, **other: str) -> Any:
        parameters = {**self._cluster.writer.node.parameters(), "connect_timeout": _PATIENCE, **other}
        return direct.connect(self._engine, parameters, self._cluster.settings.database)
