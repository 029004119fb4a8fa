"""Every driver in both flavours, for tests of what is given to `connect`."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_advanced_python_wrapper import AwsWrapperConnection, release_resources
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.driver_configuration_profiles import DriverConfigurationProfiles
from cluster.drivers import ASYNCIO, BLOCKING, Driver
from cluster.in_loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Way(NamedTuple):
    """Our class of a flavour, and a driver of that flavour."""

    ours: Any
    driver: Driver

    def __str__(self) -> str:
        return f"{self.ours.__name__}-{self.driver.name}"

    @contextmanager
    def opener(self, **settings: Any) -> Iterator[Callable[..., Any]]:
        """Give a function that takes a connection string and keywords; `settings` hold for all connections."""
        with closing(LoopThread()) as loop, ExitStack() as connections:

            def connect(conninfo: str = "", **arguments: Any) -> Any:
                arguments = {"autocommit": True, **settings, **self.driver.arguments, **arguments}
                connection = loop.call(self.ours.connect, self.driver.connect, conninfo, **arguments)
                return connections.enter_context(closing(connection))

            yield connect
        DriverConfigurationProfiles.clear_profiles()
        release_resources()


WAYS = [
    *(Way(AwsWrapperConnection, driver) for driver in BLOCKING.values()),
    *(Way(AsyncAwsWrapperConnection, driver) for driver in ASYNCIO.values()),
]
