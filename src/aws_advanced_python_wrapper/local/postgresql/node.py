"""One PostgreSQL server and its data directory."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.postgresql import configuration, processes, template
from aws_advanced_python_wrapper.local.postgresql.configuration import REPLICATION_FILE, SUPERUSER, Source
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from subprocess import Popen

    from aws_advanced_python_wrapper.local.postgresql.installation import Installation

_TICK = 0.005
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The superuser's password, and the file from which the servers themselves read it."""

    passfile: Path
    password: str = field(repr=False)


class Node:
    """A server on its private port; whether it writes or follows is in its files."""

    def __init__(
        self,
        name: str,
        address: str,
        port: int,
        directory: Path,
        installation: Installation,
        credentials: Credentials,
        configuration_text: str,
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.directory = directory
        self.log = directory.with_suffix(".log")
        self._installation = installation
        self._credentials = credentials
        self._configuration = configuration_text
        self._process: Popen[bytes] | None = None
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Node {self.name} {self.address}:{self.port} {'alive' if self.alive else 'not running'}>"

    @property
    def alive(self) -> bool:
        """Whether the server process exists (it may be frozen)."""
        return self._process is not None and self._process.poll() is None

    @property
    def source(self) -> Source:
        """What a standby of this node connects to."""
        return Source(self.address, self.port, self._credentials.passfile)

    def configure(self, source: Source | None, synchronous: Sequence[str]) -> None:
        """Write the configuration that changes with the roles; a running server needs `reload` too."""
        self.write(REPLICATION_FILE, configuration.replication(self.name, source, synchronous))

    def write(self, name: str, text: str) -> None:
        """Put a file into the data directory so that the server sees the old or the new one, never a part."""
        fresh = self.directory / f"{name}.new"
        fresh.write_text(text)
        self._installation.user.give(fresh)
        fresh.replace(self.directory / name)

    async def base_backup(self, source: Source) -> None:
        """Fill the (absent) data directory with a copy of a running server."""
        await template.run(
            self._installation,
            [
                self._installation.program("pg_basebackup"),
                *("--dbname", source.conninfo(self.name), "--pgdata", str(self.directory)),
                *("--wal-method", "stream", "--checkpoint", "fast", "--no-sync"),
            ],
            self.directory.parent,
        )

    def start(self, *, standby: bool) -> None:
        """Start the server; `wait_ready` waits for it."""
        self.write("postgresql.conf", self._configuration)
        if standby:
            self.write("standby.signal", "")
        else:
            (self.directory / "standby.signal").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            command: list[str | Path] = [self._installation.program("postgres"), "-D", str(self.directory)]
            self._process = processes.spawn(command, self._installation.user, self.directory, log)

    async def wait_ready(self, timeout: float) -> None:
        """Wait until the server answers a query."""
        end = time.monotonic() + timeout
        while True:
            with suppress(psycopg.Error, TimeoutError, asyncio.TimeoutError):
                await self.sql("SELECT 1")
                return
            if not self.alive:
                raise LocalClusterError(f"the server of {self.name} ended while starting:\n{self.log_tail()}")
            if time.monotonic() > end:
                raise LocalClusterError(f"{self.name} gave no answer within {timeout:g} s:\n{self.log_tail()}")
            await asyncio.sleep(2 * _TICK)

    async def stop(self, how: str = "fast", timeout: float = 15.0) -> None:
        """Shut the server down; if it does not obey in time it is killed."""
        await self._drop_connection()
        self._signal(_STOPS[how])
        if not await until(lambda: not self.alive, timeout):
            await self.kill()

    async def kill(self) -> None:
        """End the server as a crash does, with everything that it runs; its shared memory is removed."""
        self.kill_at_once()
        await self._drop_connection()
        await until(lambda: not self.alive, tick=0.001)
        processes.kill_servers(self.directory)

    def kill_at_once(self) -> None:
        """Send the fatal signal without waiting for its effect."""
        self._signal_all(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop every process of the server where it is."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal_all(signal.SIGCONT)

    def reload(self) -> None:
        """Have the server read its configuration again."""
        self._signal(signal.SIGHUP)

    def promote(self) -> None:
        """Ask a standby to become the writer."""
        self.write("promote", "")
        self._signal(signal.SIGUSR1)

    async def sql(self, query: str, timeout: float = 5.0) -> list[tuple[Any, ...]]:
        """Run a query as superuser on a kept connection, which is given up when anything goes wrong."""
        async with self._turn:
            try:
                return await asyncio.wait_for(self._sql(query), timeout)
            except BaseException:
                await self._drop_connection()
                raise

    async def value(self, query: str, timeout: float = 5.0) -> Any:
        """Return the first column of the first row."""
        return (await self.sql(query, timeout))[0][0]

    def remove(self) -> None:
        """Delete the data directory of a server that is not running."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        """Return the end of the server's log."""
        if not self.log.exists():
            return "(it wrote no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def _sql(self, query: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                **self.parameters(), autocommit=True, connect_timeout=5
            )
        cursor = await self._connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []

    def parameters(self) -> dict[str, Any]:
        """Return how to connect to the private port as superuser."""
        return {
            "host": self.address,
            "port": self.port,
            "user": SUPERUSER,
            "password": self._credentials.password,
            "dbname": "postgres",
            "application_name": "aws-driver-local",
            "sslmode": "disable",
            "gssencmode": "disable",
        }

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def _signal_all(self, number: signal.Signals) -> None:
        # The postmaster first: it must not replace the children that go.
        self._signal(number)
        processes.send(processes.of_server(self.directory), number)
