"""One PostgreSQL server and its data directory."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from aws_advanced_python_wrapper.local import processes, programs
from aws_advanced_python_wrapper.local.errors import NoAnswerError
from aws_advanced_python_wrapper.local.node import Node, Part, Site, Standing
from aws_advanced_python_wrapper.local.postgresql import configuration, shared_memory
from aws_advanced_python_wrapper.local.postgresql.configuration import REPLICATION_FILE, SUPERUSER, Source
from aws_advanced_python_wrapper.local.postgresql.sql_surface import TOPOLOGY_FILE
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from aws_advanced_python_wrapper.local.postgresql.installation import Installation

_RECEIVED = "SELECT (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint"
_RECEIVING = "SELECT count(*) FROM pg_stat_get_wal_receiver() AS w WHERE w.pid IS NOT NULL"
_FOLLOWERS = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
_STANDING = "SELECT NOT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming')"
_WRITE = "SELECT pg_logical_emit_message(true, 'aws-driver-local', 'the new writer')"
_PATIENCE_WITH_SHUTDOWN = 15.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The superuser's password, and the file from which the servers themselves read it."""

    passfile: Path
    password: str = field(repr=False)


class PostgresqlNode(Node):
    """A server on its private port; its part is in its files."""

    def __init__(
        self,
        site: Site,
        directory: Path,
        installation: Installation,
        credentials: Credentials,
        configuration_text: str,
    ) -> None:
        super().__init__(site, directory, installation.user)
        self._installation = installation
        self._credentials = credentials
        self._configuration = configuration_text
        self._following = False
        self._starts_following = False
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._turn = asyncio.Lock()

    def take(self, part: Part) -> None:
        """See `Node`. A standby insists on a confirmation too, lest it confirms alone when it is just promoted."""
        self._starts_following = part.source is not None
        if not self.directory.is_dir():
            return
        source = self._source(part.source) if part.source else None
        confirming = [part.source.name] if part.source else part.confirming
        text = configuration.replication(self.name, source, confirming)
        self._write_file(self.directory / REPLICATION_FILE, text)
        self._signal(signal.SIGHUP)
        if self._following and not source:
            self._following = False
            self._write_file(self.directory / "promote", "")
            self._signal(signal.SIGUSR1)

    async def settle(self, timeout: float) -> None:
        """See `Node`. Its processes read their files as soon as they are told, so there is nothing to wait for."""

    def show(self, topology: str) -> None:
        """See `Node`."""
        if (self.directory / "PG_VERSION").exists():
            self._write_file(self.directory / TOPOLOGY_FILE, topology)

    def start(self) -> None:
        """See `Node`."""
        self._write_file(self.directory / "postgresql.conf", self._configuration)
        self._following = self._starts_following
        if self._following:
            self._write_file(self.directory / "standby.signal", "")
        else:
            (self.directory / "standby.signal").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            command: list[str | Path] = [self._installation.program("postgres"), "-D", str(self.directory)]
            self._process = processes.spawn(command, self._user, self.directory, log)

    async def rebuild(self, writer: Self, part: Part, timeout: float) -> None:
        """See `Node`."""
        await asyncio.get_running_loop().run_in_executor(None, self.remove)  # the proxies run in this loop
        base_backup: list[str | Path] = [
            self._installation.program("pg_basebackup"),
            *("--dbname", self._source(writer.site).conninfo(self.name), "--pgdata", str(self.directory)),
            *("--wal-method", "stream", "--checkpoint", "fast", "--no-sync"),
        ]
        await programs.run(self._user, base_backup, self.directory.parent)
        self.take(part)
        self.start()
        await self.wait_ready(timeout)

    async def stop(self) -> None:
        """See `Node`."""
        await self._drop_connection()
        self._signal(signal.SIGINT)
        if not await until(lambda: not self.alive, _PATIENCE_WITH_SHUTDOWN):
            await self.kill()

    async def kill(self) -> None:
        """See `Node`."""
        self.kill_at_once()
        await self._drop_connection()
        await super().kill()

    def clean(self) -> None:
        """See `Node`."""
        segments = shared_memory.of_servers(self.directory)
        super().clean()
        shared_memory.remove(segments | shared_memory.of_servers(self.directory))

    async def answer(self) -> None:
        """See `Node`."""
        await self._value("SELECT 1")

    async def position(self) -> int:
        """See `Node`."""
        return int(await self._value(_RECEIVED) or 0)

    async def drain(self, timeout: float) -> None:
        """See `Node`."""

        async def has_drained() -> bool:
            return not await self._value(_RECEIVING)

        await until(has_drained, timeout)

    async def follows(self, writer: Self) -> bool:
        """See `Node`."""
        return (self.name,) in await writer._sql(_FOLLOWERS)

    async def standing(self) -> Standing:
        """See `Node`."""
        ((writes, followers),) = await self._sql(_STANDING)
        return Standing(writes, followers)

    async def write(self) -> None:
        """See `Node`."""
        await self._value(_WRITE)

    def parameters(self) -> dict[str, Any]:
        """See `Node`; for `psycopg.connect`."""
        return {
            "host": self.site.address,
            "port": self.site.port,
            "user": SUPERUSER,
            "password": self._credentials.password,
            "dbname": "postgres",
            "application_name": "aws-driver-local",
            "sslmode": "disable",
            "gssencmode": "disable",
        }

    async def _value(self, query: str) -> Any:
        return (await self._sql(query))[0][0]

    async def _sql(self, query: str, timeout: float = 5.0) -> list[tuple[Any, ...]]:
        """Run a query as superuser on a kept connection, which is given up when anything goes wrong."""
        async with self._turn:
            try:
                return await asyncio.wait_for(self._fetch(query), timeout)
            except BaseException as error:
                await self._drop_connection()
                if isinstance(error, (psycopg.Error, OSError, asyncio.TimeoutError)):
                    raise NoAnswerError(f"{self.name}: {error!r}") from error
                raise

    async def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                **self.parameters(), autocommit=True, connect_timeout=5
            )
        cursor = await self._connection.execute(query.encode())
        return await cursor.fetchall()

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _source(self, site: Site) -> Source:
        return Source(site.address, site.port, self._credentials.passfile)
