"""Installs the resolver hook in a Python program that `aws-driver-local run` starts.

Python imports `sitecustomize` by itself at its start. This package may be unknown to that Python, so the two
files needed are loaded by their paths. A `sitecustomize` that this one hides is run afterwards.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_HERE = Path(__file__).resolve().parent


def _load(spec: ModuleSpec | None, name: str) -> ModuleType:
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {name} beside {_HERE}")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _beside(file: str) -> ModuleType:
    name = f"_aws_driver_local_{file}"
    return _load(spec_from_file_location(name, _HERE.parent / f"{file}.py"), name)


def _install_hook() -> None:
    hosts_file, resolver_hook = _beside("hosts_file"), _beside("resolver_hook")
    paths = [Path(path) for path in os.environ["AWS_DRIVER_LOCAL_HOSTS"].split(os.pathsep)]
    resolver_hook.ResolverHook(
        lambda name: hosts_file.look_up(name, paths), lambda name: hosts_file.canonical_name(name, paths)
    ).install()


def _run_hidden() -> None:
    others = [path for path in sys.path if Path(path).resolve() != _HERE]
    if spec := PathFinder.find_spec("sitecustomize", others):
        _load(spec, "sitecustomize")


try:
    if os.environ.get("AWS_DRIVER_LOCAL_HOSTS"):
        _install_hook()
finally:
    _run_hidden()
