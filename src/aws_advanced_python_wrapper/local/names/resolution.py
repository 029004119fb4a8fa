"""Make the names of a hosts file resolve in this process, or in a program about to be started."""

from __future__ import annotations

import logging
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

from aws_advanced_python_wrapper.local.names import namespace
from aws_advanced_python_wrapper.local.names.hosts_file import canonical_name, look_up, probe_name
from aws_advanced_python_wrapper.local.names.resolver_hook import ResolverHook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Mode = Literal["auto", "namespace", "hook", "none"]

logger = logging.getLogger(__name__)

_SITE = Path(__file__).resolve().parent / "site_hook"
_HOSTS_VARIABLE = "AWS_DRIVER_LOCAL_HOSTS"
_ONLY_PYTHON = "only Python programs see the names, through socket, asyncio, psycopg and MySQL Connector/Python"


class ResolutionError(RuntimeError):
    """The way of resolving names that was asked for does not work here."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How names resolve (`mode`: namespace, hook or none) and why that way (`reason`)."""

    mode: Mode
    reason: str
    hosts_file: Path

    def leave(self) -> None:
        """Undo one `enter()` of the hook; a namespace stays for the rest of the process's life."""
        if self.mode == "hook":
            _hooked.remove(self.hosts_file)


def enter(hosts_file: Path, mode: Mode = "auto") -> Resolution:
    """Make the names resolve in this process and in the children it starts from now on.

    Raises ResolutionError when `mode` is "namespace" and that is not possible here.
    """
    resolution = plan(hosts_file, mode, this_process=True)
    if resolution.mode == "namespace" and not namespace.entered(hosts_file):
        namespace.enter(hosts_file)
    elif resolution.mode == "hook":
        _hooked.add(hosts_file)
    logger.info("names of %s resolve by %s: %s", hosts_file, resolution.mode, resolution.reason)
    return resolution


def plan(hosts_file: Path, mode: Mode = "auto", *, this_process: bool = False) -> Resolution:
    """Return how `enter()` (`this_process`) or `run()` would make the names resolve, without doing it."""
    if mode == "none":
        return Resolution("none", "asked for; use addresses instead of names", hosts_file)
    if mode == "hook":
        return Resolution("hook", f"asked for; {_ONLY_PYTHON}", hosts_file)
    if namespace.entered(hosts_file):
        return Resolution("namespace", "this process is in the namespace already", hosts_file)
    obstacle = namespace.obstacle(hosts_file, probe_name(hosts_file), this_process=this_process)
    if obstacle is None:
        return Resolution("namespace", "a private mount over /etc/hosts works here", hosts_file)
    if mode == "namespace":
        raise ResolutionError(f"names cannot resolve by a namespace here: {obstacle}; use 'auto' or 'hook'")
    return Resolution("hook", f"{obstacle}; {_ONLY_PYTHON}", hosts_file)


def run(
    command: Sequence[str], hosts_file: Path, environment: Mapping[str, str], mode: Mode = "auto"
) -> subprocess.Popen[bytes]:
    """Start `command` with the names resolving in it; `environment` is added to this process's own.

    In a namespace, a command that does not exist ends with status 127; otherwise FileNotFoundError is raised.
    """
    resolution = plan(hosts_file, mode)
    variables = {**os.environ, **environment}
    words = list(command)
    if resolution.mode == "namespace" and not namespace.entered(hosts_file):
        words = namespace.command_inside(hosts_file, words)
    elif resolution.mode == "hook":
        variables.update(_hook_variables(variables, [hosts_file]))
    return subprocess.Popen(words, env=variables)


def _hook_variables(given: Mapping[str, str], hosts_files: Sequence[Path]) -> dict[str, str]:
    """Return what makes Python children install the hook for these files too."""
    inherited = given.get(_HOSTS_VARIABLE, "").split(os.pathsep)
    paths = [path for path in given.get("PYTHONPATH", "").split(os.pathsep) if path != str(_SITE)]
    return {
        _HOSTS_VARIABLE: _joined([*map(str, hosts_files), *inherited]),
        "PYTHONPATH": _joined([str(_SITE), *paths]),
    }


def _joined(paths: Sequence[str]) -> str:
    return os.pathsep.join(dict.fromkeys(path for path in paths if path))


class _Hooked:
    """The hosts files this process resolves by hook, each as often as it was entered."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: Counter[Path] = Counter()
        self._hook = ResolverHook(
            lambda name: look_up(name, list(self._files)), lambda name: canonical_name(name, list(self._files))
        )
        self._before: dict[str, str | None] = {}

    def add(self, hosts_file: Path) -> None:
        with self._lock:
            if not self._files:
                self._hook.install()
                self._before = {name: os.environ.get(name) for name in ("PYTHONPATH", _HOSTS_VARIABLE)}
            self._files[hosts_file] += 1
            self._tell_children()

    def remove(self, hosts_file: Path) -> None:
        with self._lock:
            if hosts_file not in self._files:
                return
            self._files[hosts_file] -= 1
            self._files = +self._files
            self._tell_children()
            if not self._files:
                self._hook.remove()

    def _tell_children(self) -> None:
        before = {name: value for name, value in self._before.items() if value is not None}
        for name in self._before:
            os.environ.pop(name, None)
        os.environ.update(_hook_variables(before, list(self._files)) if self._files else before)


_hooked = _Hooked()
