"""The process that owns a cluster: servers, proxies, records and the control socket.

It is started with everything it needs to know as one line of JSON on its standard input, and says on its
standard output, one JSON line each, how far it has come. An owned cluster ends when standard input does, that
is when its owner has gone, whichever way; a detached one lives until it is told to stop.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local import engine, places, reaper
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile
from aws_advanced_python_wrapper.local.places import Place
from aws_advanced_python_wrapper.local.settings import Settings
from aws_advanced_python_wrapper.local.supervisor import aws, changes, idp
from aws_advanced_python_wrapper.local.supervisor.control_server import ControlServer
from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """One cluster's life, from the first file to the last."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.settings = Settings.from_json(order["settings"])
        self.place = Place(Path(order["directory"]))
        self.hosts_file = Path(order["hosts_file"])
        self.detached: bool = order["detached"]
        self.ending = asyncio.Event()

    async def live(self) -> None:
        """Bring the cluster up, serve it until it is to end, and remove every trace."""
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.ending.set)
        if not self.detached:
            self._watch_owner()
        controller = None
        try:
            controller = self._controller()
            await self._until_ending(start(controller))
            if not self.ending.is_set():
                await self._serve(controller)
        except LocalClusterError as error:
            say(failed=str(error))
        except Exception:  # noqa: BLE001  # whoever waits for us is told, whatever it was
            say(failed="the supervisor failed:\n" + traceback.format_exc())
        finally:
            if controller is not None:
                await controller.stop()
            reaper.clean_up(self.place.directory, self.hosts_file)

    def _controller(self) -> ClusterController:
        servers = engine.load(self.settings, self.place.directory)
        for name in [name for name in os.environ if name.startswith((servers.environment, *aws.ENVIRONMENT))]:
            del os.environ[name]  # meant for the owner's own connections
        os.environ.update(aws.NO_CONFIGURATION)
        hosts = HostsFile(self.hosts_file) if self.hosts_file.exists() else HostsFile.create(self.hosts_file)
        controller = ClusterController(servers, hosts, self._report)
        self._write_card(controller)
        return controller

    async def _serve(self, controller: ClusterController) -> None:
        server = ControlServer(controller, self.ending)
        await server.start(self.place.socket)
        say(ready=self.place.read_card())
        self._let_go_of_the_pipes()
        await self.ending.wait()
        await server.stop()

    async def _until_ending(self, work: Any) -> None:
        """Do the work unless the end comes first."""
        task = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self.ending.wait())
        await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _watch_owner(self) -> None:
        """End when the owner does: it holds the other end of standard input.

        A fork of the owner may hold it too and live on, so the owner's process is watched as well.
        """
        loop = asyncio.get_running_loop()
        owner = os.getppid()
        loop.add_reader(0, self._owner_spoke)
        with suppress(OSError, AttributeError):  # an old kernel, or forbidden: then the pipe has to do
            loop.add_reader(os.pidfd_open(owner), self.ending.set)
        if os.getppid() != owner:
            self.ending.set()

    def _owner_spoke(self) -> None:
        if not os.read(0, 1024):
            asyncio.get_running_loop().remove_reader(0)
            self.ending.set()

    def _write_card(self, controller: ClusterController) -> None:
        card = {
            "settings": self.settings.to_json(),
            "directory": str(self.place.directory),
            "hosts_file": str(self.hosts_file),
            "detached": self.detached,
            "domain": controller.names.domain,
            "port": controller.network.port,
            "aws_endpoint": f"http://{controller.network.aws}:{controller.network.port}" if self.settings.iam else None,
            "ca_file": str(controller.authority.ca_file),
            "pid": os.getpid(),
        }
        self.place.card.touch(mode=0o600)
        self.place.card.write_text(json.dumps(card))

    def _report(self, text: str) -> None:
        say(progress=text)

    def _let_go_of_the_pipes(self) -> None:
        """Nobody reads standard output any more; a detached supervisor also keeps nobody's terminal."""
        os.dup2(2, 1)


async def start(controller: ClusterController) -> None:
    """Start the servers, and beside them AWS and identity providers if those are wanted."""
    loading = None
    if controller.settings.iam:
        controller.idp = idp.start(controller)
        loading = asyncio.ensure_future(aws.start(controller))
    await changes.start_cluster(controller)
    if loading is not None:
        controller.report("loading AWS's services")
        controller.aws = await loading


def say(**message: Any) -> None:
    """Tell whoever started us, if there still is anybody."""
    with suppress(OSError):
        os.write(1, (json.dumps(message) + "\n").encode())


@contextmanager
def reaper_at_work(place: Place, hosts_file: Path) -> Iterator[None]:
    """Have the reaper wait for the end of this process, or of this context."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", reaper.__name__, str(place.directory), str(hosts_file)],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    os.close(reading)
    try:
        yield
    finally:
        os.close(writing)
        process.wait()


def main() -> None:
    """Run the supervisor."""
    os.umask(0o022)  # the servers may run as another user and have to get through
    order = json.loads(_first_line())
    place = Place(Path(order["directory"]))
    if order["detached"]:
        if os.fork():
            os._exit(0)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(place.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), 2)
    places.lock(place.lock)
    with reaper_at_work(place, Path(order["hosts_file"])):
        asyncio.run(_live(order))


async def _live(order: dict[str, Any]) -> None:
    await Supervisor(order).live()


def _first_line() -> bytes:
    # Byte by byte: what follows belongs to the event loop.
    line = b""
    while not line.endswith(b"\n"):
        if not (byte := os.read(0, 1)):
            break
        line += byte
    return line


if __name__ == "__main__":
    main()
