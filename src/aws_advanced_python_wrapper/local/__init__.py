"""Real database servers on this machine that act as an Aurora cluster, to rehearse failover with."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.cluster import LocalCluster
    from aws_advanced_python_wrapper.local.errors import LocalClusterError
    from aws_advanced_python_wrapper.local.instance import Instance
    from aws_advanced_python_wrapper.local.timeline.timeline import Timeline
    from aws_advanced_python_wrapper.local.values import Event, Failover

__all__ = ["Event", "Failover", "Instance", "LocalCluster", "LocalClusterError", "Timeline"]

# Imported on first use: pytest loads the plugin of this package in every run, every cluster starts a reaper.
_HOMES = {
    "LocalCluster": "cluster",
    "LocalClusterError": "errors",
    "Instance": "instance",
    "Event": "values",
    "Failover": "values",
    "Timeline": "timeline.timeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
