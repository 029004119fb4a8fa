"""One MySQL server and its data directory."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local import processes
from aws_advanced_python_wrapper.local.errors import LocalClusterError, NoAnswerError
from aws_advanced_python_wrapper.local.mysql import configuration
from aws_advanced_python_wrapper.local.mysql.accounts import Account
from aws_advanced_python_wrapper.local.mysql.client import Client
from aws_advanced_python_wrapper.local.mysql.replication import Replication
from aws_advanced_python_wrapper.local.mysql.sql_surface import TOPOLOGY_FILE, WRITE
from aws_advanced_python_wrapper.local.node import Node, Part, Site, Standing
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from aws_advanced_python_wrapper.local.mysql.accounts import Accounts
    from aws_advanced_python_wrapper.local.mysql.template import Template
    from aws_advanced_python_wrapper.local.settings import Settings

_log = logging.getLogger("aws_advanced_python_wrapper.local")
_TICK = 0.01
_PATIENCE_WITH_COMMITS = 2.0


@dataclass(frozen=True, slots=True)
class Duty:
    """A part as far as it concerns one server: whom it follows, and whether commits wait for it or it for others."""

    source: Site | None
    confirming: bool


class MysqlNode(Node):
    """A server on its private port, which is told its part in SQL; its clients come over its Unix socket."""

    def __init__(self, site: Site, template: Template, accounts: Accounts, settings: Settings) -> None:
        super().__init__(site, template.nodes / site.name, template.installation.user)
        self.socket = template.nodes / f"s{site.number}"  # a Unix socket's path must be short
        self._template = template
        self._accounts = accounts
        self._settings = settings
        self._client = Client(self.name, self.socket, accounts.admin)
        self._writing = Client(self.name, self.socket, accounts.admin)  # a commit that waits must hold up nothing else
        self._replication = Replication(self._client, accounts.replication)
        self._duty = Duty(None, confirming=False)
        self._done: Duty | None = None
        self._ready = False
        self._work: asyncio.Task[None] | None = None
        self._trouble = ""

    def take(self, part: Part) -> None:
        """See `Node`."""
        names = part.confirming
        self._duty = Duty(part.source, self.name in names if part.source else bool(names))
        if self._ready:
            self._go_to_work()

    async def settle(self, timeout: float) -> None:
        """See `Node`."""
        if not await until(lambda: self._done == self._duty or not self.alive, timeout):
            raise LocalClusterError(f"{self.name} did not take up its part in {timeout:g} s: {self._trouble}")

    def show(self, topology: str) -> None:
        """See `Node`."""
        if (folder := self.directory / "files").is_dir():
            self._write_file(folder / TOPOLOGY_FILE, topology)

    def start(self) -> None:
        """See `Node`."""
        self._leave()
        for left in (self.socket, self.socket.with_name(f"{self.socket.name}.lock")):
            left.unlink(missing_ok=True)  # its number may be another process's by now
        options = configuration.options(self.site, self._files(), self._settings)
        command = [*self._template.installation.command, *options]
        with self.log.open("ab") as log:
            self._process = processes.spawn(command, self._user, self._data, log)

    async def wait_ready(self, timeout: float) -> None:
        """Wait until the server has taken up its part."""
        await super().wait_ready(timeout)
        self._ready = True
        self._go_to_work()
        await self.settle(timeout)
        await self._let_password_be_known()

    async def rebuild(self, writer: Self, part: Part, timeout: float) -> None:
        """See `Node`. What the server has it keeps, unless the writer lacks some of it."""
        self.take(part)
        if not await self._can_go_on(writer, timeout):
            await self._clone(writer, timeout)
            self.start()
        await self.wait_ready(timeout)

    async def stop(self) -> None:
        """See `Node`. Once a writer has no commit under way, all is written: its tidy end would only take seconds."""
        if self._ready and self._duty.source is None:
            try:
                await self._client.rows("SET GLOBAL read_only = ON", _PATIENCE_WITH_COMMITS)
            except NoAnswerError as error:
                _log.warning("%s is killed in the midst of its work: it did not stop writing (%s)", self.name, error)
        await self.kill()

    def kill_at_once(self) -> None:
        """See `Node`."""
        super().kill_at_once()
        self._leave()

    async def answer(self) -> None:
        """See `Node`."""
        await self._client.rows("DO 1")

    async def position(self) -> int:
        """See `Node`."""
        return await self._replication.position()

    async def drain(self, timeout: float) -> None:
        """See `Node`. What it has not received by now has not been confirmed by it either."""
        self._done = None
        await self._replication.end_reception(timeout)

    async def follows(self, writer: Self) -> bool:
        """See `Node`."""
        return self._done == self._duty and await self._replication.is_in_step(writer.site, writer._client)

    async def standing(self) -> Standing:
        """See `Node`."""
        if self._done != self._duty:
            return Standing(False, 0)
        return Standing(self._duty.source is None, await self._replication.confirming())

    async def write(self) -> None:
        """See `Node`."""
        await self._writing.rows(WRITE)

    def parameters(self) -> dict[str, Any]:
        """See `Node`; for `pymysql.connect`."""
        admin = self._accounts.admin
        return {"unix_socket": str(self.socket), "user": admin.name, "password": admin.password}

    def log_tail(self, lines: int = 30) -> str:
        """See `Node`."""
        return "\n".join(filter(None, [super().log_tail(lines), self._trouble]))

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _files(self) -> dict[str, Path | str]:
        first = {} if (self._data / "auto.cnf").exists() else {"init-file": self._template.script}
        return {
            **first,
            "datadir": self._data,
            "socket": self.socket,
            "pid-file": self.directory / "pid",
            "tmpdir": self.directory / "tmp",
            "secure-file-priv": f"{self.directory / 'files'}/",
        }

    def _go_to_work(self) -> None:
        if self._done != self._duty and (self._work is None or self._work.done()):
            self._work = asyncio.get_running_loop().create_task(self._fulfil())

    async def _fulfil(self) -> None:
        """Do what there is to do, as long as the server lives; one that hangs does it later."""
        while self._done != self._duty and self.alive:
            duty = self._duty
            try:
                if await self._do(duty):
                    self._done, self._trouble = duty, ""
                    continue
            except NoAnswerError as error:
                self._trouble = str(error)
            await asyncio.sleep(_TICK)

    async def _do(self, duty: Duty) -> bool:
        """Tell whether the duty could be done by now."""
        if duty.source is not None:
            await self._replication.follow(duty.source, confirms=duty.confirming)
            return True
        # A standby never confirms what it received before its word counted: to begin waiting for it before it is there
        # would be to wait for ever. A server that does not write yet has sent nobody anything.
        writes = self._done is not None and self._done.source is None
        if writes and duty.confirming and not await self._replication.confirming():
            return False
        await self._replication.write(confirmed=duty.confirming)
        return True

    def _leave(self) -> None:
        """Have nothing to do with the server any more, until it is ready again."""
        self._ready, self._done = False, None
        if self._work is not None:
            self._work.cancel()
        self._client.drop()
        self._writing.drop()

    async def _can_go_on(self, writer: Self, timeout: float) -> bool:
        """Start the server with the data it has, if any; tell whether it can follow the writer with that."""
        if self._data.is_dir():
            with suppress(LocalClusterError):
                self.start()
                await super().wait_ready(timeout)
                return not await self._replication.surplus(writer._client)
            await self.kill()
        await asyncio.get_running_loop().run_in_executor(None, self.remove)  # the proxies run in this loop
        await self._template.copy(self.directory)
        self.start()
        await super().wait_ready(timeout)
        return False

    async def _clone(self, writer: Self, timeout: float) -> None:
        """Replace the data of the running server by the writer's; it ends then."""
        try:
            await self._replication.clone(writer.site, timeout)
        except NoAnswerError:
            if not await until(lambda: not self.alive, timeout):
                raise

    async def _let_password_be_known(self) -> None:
        """Log the master user in, so that the server knows its password also when it comes without TLS."""
        client = Client(self.name, self.socket, Account(self._settings.user, self._settings.password))
        with suppress(NoAnswerError):  # it may have been changed or dropped
            await client.rows("DO 1")
        client.drop()
