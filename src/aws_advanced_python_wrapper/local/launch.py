"""Starting a supervisor and talking to one."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local import reaper
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.places import Place, forsaken, new_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.settings import Settings

_SUPERVISOR = "aws_advanced_python_wrapper.local.supervisor"
_PATIENCE = 20.0
# Beside the delays and the time to start that the user asked for; a supervisor in good health needs a tenth of these.
_PATIENCE_FOR_AN_ANSWER = 300.0
_PATIENCE_FOR_A_STEP_OF_THE_START = 120.0
_LONGEST = 1e6  # the system calls take no infinity
_END_OF_LOG = 3000


@dataclass(frozen=True, slots=True)
class Control:
    """A client of a supervisor's control socket; every call is a conversation of its own, from any thread."""

    path: Path
    patience: float = _PATIENCE_FOR_AN_ANSWER

    @classmethod
    def of(cls, place: Place, settings: Settings) -> Control:
        """Return a client of a cluster with these settings, whose operations take as long as its delays make them."""
        asked_for = settings.delays.total + 2 * settings.start_timeout
        return cls(place.socket, min(_PATIENCE_FOR_AN_ANSWER + asked_for, _LONGEST))

    def call(self, operation: str, **arguments: Any) -> Any:
        """Have the supervisor do something and return its answer."""
        request = json.dumps({"operation": operation, "arguments": arguments}).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX) as conversation:
                conversation.settimeout(self.patience)
                conversation.connect(str(self.path))
                conversation.sendall(request)
                answer = _everything(conversation)
        except (TimeoutError, BlockingIOError) as error:  # the latter: too many wait already to be let in
            raise LocalClusterError(self._stuck(operation)) from error
        except OSError as error:
            raise LocalClusterError(f"the cluster is not running (nobody listens at {self.path})") from error
        if not answer:
            raise LocalClusterError(f"the cluster ended during {operation}")
        values = json.loads(answer)
        if "error" in values:
            raise LocalClusterError(values["error"])
        return values["result"]

    def _stuck(self, operation: str) -> str:
        place = Place(self.path.parent.parent)
        process = place.read_card().get("pid", "unknown")
        return (
            f"the cluster's supervisor, process {process}, did not finish {operation!r} within {self.patience:g} s. "
            f"Kill it with SIGKILL, which ends the cluster and cleans up, and start a new one; its log, {place.log}, "
            f"ends with:\n{_end_of_log(place)}"
        )


def _everything(conversation: socket.socket) -> bytes:
    parts = []
    while part := conversation.recv(65536):
        parts.append(part)
    return b"".join(parts)


_NEEDED = {"postgresql": ("psycopg", "trustme"), "mysql": ("aiomysql", "trustme")}
_NEEDED_BY_AWS = ("moto", "flask", "flask_cors")


def require_the_extra(engine: str, *, iam: bool = False) -> None:
    """Raise `LocalClusterError` if something is not installed that servers of this engine need, or with `iam` AWS."""
    needed = {"local": _NEEDED[engine], "local-aws": _NEEDED_BY_AWS if iam else ()}
    missing = [name for names in needed.values() for name in names if find_spec(name) is None]
    if missing:
        extras = ",".join(extra for extra, names in needed.items() if names)
        raise LocalClusterError(
            f"a local cluster needs {' and '.join(missing)}: pip install 'aws-advanced-python-driver[{extras}]'"
        )


class Launched:
    """A supervisor process that this process owns, or, detached, only started."""

    def __init__(self, settings: Settings, hosts_file: Path | None, *, detached: bool) -> None:
        require_the_extra(settings.engine, iam=settings.iam)
        for left in forsaken():
            _clean_up(left)
        self.place = new_place(settings.name)
        self._owner = os.getpid()
        # Two waits of the start, for the servers and for their replication, may each take this long.
        self._patience = min(_PATIENCE_FOR_A_STEP_OF_THE_START + 2 * settings.start_timeout, _LONGEST)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _SUPERVISOR],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env={**os.environ, "PYTHONPATH": _absolute(os.environ.get("PYTHONPATH", ""))},
            start_new_session=True,
        )
        order = {
            "settings": settings.to_json(),
            "directory": str(self.place.directory),
            "hosts_file": str(hosts_file or self.place.directory / "hosts"),
            "detached": detached,
        }
        with suppress(BrokenPipeError):  # then its last words say why
            self._input().write(json.dumps(order).encode() + b"\n")
            self._input().flush()

    def wait_ready(self, progress: Callable[[str], None]) -> dict[str, Any]:
        """Return the cluster's card when it is up; tell `progress` on the way there."""
        try:
            return self._listen(progress)
        except BaseException:
            with suppress(LocalClusterError):  # what is under way tells more
                self.end()
            raise

    def _listen(self, progress: Callable[[str], None]) -> dict[str, Any]:
        step = "nothing yet"
        for line in self._lines():
            if line is None:
                raise LocalClusterError(
                    f"the cluster did not come up: nothing happened for {self._patience:g} s (the last step: {step}), "
                    "so it was ended. On a slow machine use fewer instances or a longer start_timeout; "
                    f"the supervisor's log ends with:\n{_end_of_log(self.place)}"
                )
            message = json.loads(line)
            if "progress" in message:
                step = message["progress"]
                progress(step)
            elif "failed" in message:
                raise LocalClusterError(message["failed"])
            else:
                card: dict[str, Any] = message["ready"]
                return card
        raise LocalClusterError(f"the cluster's supervisor ended before it was up:\n{_end_of_log(self.place)}")

    def _lines(self) -> Iterator[bytes | None]:
        """Yield the lines that the supervisor says, and None whenever it has been silent for too long."""
        if self._process.stdout is None:
            raise LocalClusterError("the supervisor has no output")
        descriptor = self._process.stdout.fileno()
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while True:
                if not selector.select(self._patience):
                    yield None
                    continue
                if not (part := os.read(descriptor, 65536)):
                    return
                *lines, said = (said + part).split(b"\n")
                yield from lines

    def end(self) -> None:
        """End the supervisor and wait until it has cleaned up; only the process that started it can."""
        if os.getpid() != self._owner:
            return
        with suppress(OSError):
            self._input().close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its reaper cleans up
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if not self.place.alive:  # it may have died before there was a reaper; two do each other no harm
            _clean_up(self.place)
        wait_gone(self.place, _PATIENCE)

    def let_go(self) -> None:
        """Leave a detached supervisor alone."""
        self.end_of_pipes()
        self._process.wait(_PATIENCE)

    def end_of_pipes(self) -> None:
        """Close the pipes to the supervisor."""
        with suppress(OSError):
            self._input().close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _input(self) -> Any:
        return self._process.stdin


def _clean_up(place: Place) -> None:
    reaper.clean_up(place.directory, Path(place.read_card().get("hosts_file", place.directory / "hosts")))


def _end_of_log(place: Place) -> str:
    return place.log.read_text(errors="replace")[-_END_OF_LOG:] if place.log.exists() else ""


def wait_gone(place: Place, timeout: float = _PATIENCE) -> None:
    """Wait until a cluster's directory is removed, which happens last."""
    end = time.monotonic() + timeout
    while place.directory.exists():
        if time.monotonic() > end:
            raise LocalClusterError(f"the cluster does not end; see {place.log}")
        time.sleep(0.01)


def _absolute(python_path: str) -> str:
    return os.pathsep.join(str(Path(entry).absolute()) for entry in python_path.split(os.pathsep) if entry)
