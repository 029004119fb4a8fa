"""Where asyncio connections come from: see `aws_advanced_python_wrapper.connection_provider`."""

from __future__ import annotations

from aws_advanced_python_wrapper.connection_provider import (
    AsyncConnectionProviderManager,
    Connect,
    ConnectionProvider,
    Lease,
)

__all__ = ["AsyncConnectionProviderManager", "Connect", "ConnectionProvider", "Lease"]
