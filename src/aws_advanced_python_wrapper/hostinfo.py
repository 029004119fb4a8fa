"""What functions that a program gives to the driver are told about hosts: see `cluster.host`."""

from __future__ import annotations

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole

__all__ = ["HostInfo", "HostRole"]
