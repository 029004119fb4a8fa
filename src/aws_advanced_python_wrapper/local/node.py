"""What the supervisor needs of a server, whatever its engine.

A server has a *part*: to write, or to follow a writer. It is told its part as often as that changes, at any time; one
that is starting, or hangs, takes it up when it can.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local import processes
from aws_advanced_python_wrapper.local.errors import LocalClusterError, NoAnswerError
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

    from typing_extensions import Self

    from aws_advanced_python_wrapper.local.users import User

_TICK = 0.01


@dataclass(frozen=True, slots=True)
class Site:
    """Who a server is and where it listens; `host` is the name clients know it by."""

    number: int
    name: str
    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Part:
    """What a server does in the cluster: it writes, or follows `source`.

    `confirming` are the names of the standbys that count: one of them must have a commit before the writer confirms it.
    With none, nobody is waited for.
    """

    source: Site | None
    confirming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a promotion has come."""

    writes: bool
    followers: int


class Node(ABC):
    """One server and its data directory."""

    def __init__(self, site: Site, directory: Path, user: User) -> None:
        self.site = site
        self.name = site.name
        self.directory = directory
        self.log = directory.with_suffix(".log")
        self._user = user
        self._process: Popen[bytes] | None = None

    def __repr__(self) -> str:
        state = "alive" if self.alive else "not running"
        return f"<{type(self).__name__} {self.name} {self.site.address}:{self.site.port} {state}>"

    @property
    def alive(self) -> bool:
        """Whether the server process exists (it may be frozen)."""
        return self._process is not None and self._process.poll() is None

    @abstractmethod
    def take(self, part: Part) -> None:
        """Give the server its part; one that follows and is to write is promoted."""

    @abstractmethod
    async def settle(self, timeout: float) -> None:
        """Wait until a running server has taken up its part."""

    @abstractmethod
    def show(self, topology: str) -> None:
        """Let the server's clients see this table of the cluster, in JSON, from now on, if it has data."""

    @abstractmethod
    def start(self) -> None:
        """Start the server in its part; `wait_ready` waits for it."""

    @abstractmethod
    async def rebuild(self, writer: Self, part: Part, timeout: float) -> None:
        """Make a server that is not running a follower of `writer`, whatever it holds; on return it is ready."""

    @abstractmethod
    async def stop(self) -> None:
        """End the server in order: everything that it has confirmed is stored. One that does not obey is killed."""

    @abstractmethod
    async def answer(self) -> None:
        """Ask something; raises `NoAnswerError` when there is no answer."""

    @abstractmethod
    async def position(self) -> int:
        """Return how much a standby has received; of two that follow one writer the greater number has more."""

    @abstractmethod
    async def drain(self, timeout: float) -> None:
        """Wait until the standby has stored all that a writer which is gone had sent it, or for `timeout` seconds."""

    @abstractmethod
    async def follows(self, writer: Self) -> bool:
        """Tell whether this standby receives what `writer` writes, and has nothing that the writer lacks."""

    @abstractmethod
    async def standing(self) -> Standing:
        """Tell how far the server is in its part as writer."""

    @abstractmethod
    async def write(self) -> None:
        """Commit something; returns when one of the confirming standbys has it."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return how to connect to the server itself as superuser, past the proxy."""

    async def wait_ready(self, timeout: float) -> None:
        """Wait until the server answers a question."""
        end = time.monotonic() + timeout
        while True:
            with suppress(NoAnswerError):
                await self.answer()
                return
            if not self.alive:
                raise LocalClusterError(f"the server of {self.name} ended while starting:\n{self.log_tail()}")
            if time.monotonic() > end:
                raise LocalClusterError(f"{self.name} gave no answer within {timeout:g} s:\n{self.log_tail()}")
            await asyncio.sleep(_TICK)

    async def kill(self) -> None:
        """End the server as a crash does, with everything that it runs."""
        self.kill_at_once()
        await until(lambda: not self.alive, tick=0.001)
        self.clean()

    def kill_at_once(self) -> None:
        """Send the fatal signal without waiting for its effect."""
        self._signal_all(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop every process of the server where it is."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal_all(signal.SIGCONT)

    def clean(self) -> None:
        """Remove what a server that died left behind."""
        processes.kill_servers(self.directory)

    def remove(self) -> None:
        """Delete the data of a server that is not running."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        """Return the end of the server's log."""
        if not self.log.exists():
            return "(it wrote no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _write_file(self, path: Path, text: str) -> None:
        """Put a file in place so that the server sees the old or the new one, never a part."""
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(text)
        self._user.give(fresh)
        fresh.replace(path)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def _signal_all(self, number: signal.Signals) -> None:
        # The first process first: it must not replace its children as they go.
        self._signal(number)
        processes.send(processes.of_server(self.directory), number)
