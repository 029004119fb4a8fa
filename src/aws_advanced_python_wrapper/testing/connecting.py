"""Connections of the ordinary classes to hosts in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_advanced_python_wrapper.aio.wrapper import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, Io, run
from aws_advanced_python_wrapper.core.opening import session_through
from aws_advanced_python_wrapper.testing.adapter import FakeAdapter
from aws_advanced_python_wrapper.wrapper import AwsWrapperConnection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.plugin import BlockingPlugin, Plugin
    from aws_advanced_python_wrapper.testing.network import FakeNetwork

QUICK: Final[Mapping[str, Any]] = {
    "user": "app",
    "application_name": "program",
    "topology-monitoring-application_name": "monitor",
    "topology_refresh_ms": 20,
    "cluster_topology_high_refresh_rate_ms": 2,
    "failover_timeout_sec": 5,
}
"""Parameters with which a failover takes milliseconds; those given to `connect` go before them."""


def connect(
    network: FakeNetwork,
    host: str,
    plugins: Sequence[str | type[Plugin | BlockingPlugin]] | str = (),
    **parameters: Any,
) -> AwsWrapperConnection:
    """Open a connection to a host name of a network; no plugin serves it unless asked for.

    Every parameter of the driver may be given; what is not has the values of `QUICK`. Whatever waits for the network in
    vain raises the exceptions of `aws_advanced_python_wrapper.testing`.

    Raises:
        AwsWrapperError: a parameter or plugin is unknown or does not fit.
        NetworkError, LoginError: the host cannot be reached, or refuses the user.
    """
    session = run(_session(network, host, plugins, parameters, BlockingIo(), asynchronous=False))
    run(session.connect())
    return AwsWrapperConnection(session)


async def aconnect(
    network: FakeNetwork,
    host: str,
    plugins: Sequence[str | type[Plugin | BlockingPlugin]] | str = (),
    **parameters: Any,
) -> AsyncAwsWrapperConnection:
    """Do what `connect` does, asyncio flavour."""
    session = await _session(network, host, plugins, parameters, AsyncioIo(), asynchronous=True)
    await session.connect()
    return AsyncAwsWrapperConnection(session)


async def _session(
    network: FakeNetwork, host: str, plugins: object, parameters: Mapping[str, Any], io: Io, *, asynchronous: bool
) -> Session:
    adapter = FakeAdapter(network, asynchronous=asynchronous)
    return await session_through(adapter, None, {**QUICK, "host": host, "plugins": plugins, **parameters}, io)
