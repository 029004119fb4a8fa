"""Errors on demand: what a program does when the database fails can be tried without a database that fails."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from aws_advanced_python_wrapper.core.plugin import Plugin, SessionView, method_name
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import CallNext, ConnectNext

logger = logging.getLogger(__name__)

_ANY = "*"


class ExceptionSimulatorConnectCallback(Protocol):
    """What decides on each attempt to connect whether it fails."""

    def get_exception_to_raise(
        self,
        target_driver_func: Callable[..., Any],
        driver_dialect: Any,
        host_info: HostInfo,
        props: Any,
        is_initial_connection: bool,
        connect_func: Callable[..., Any],
    ) -> BaseException | None:
        """Return the error that the attempt is to end with, or None.

        `props` are the parameters of the connection, `connect_func` would make it; both are better left alone.
        """
        ...


class ExceptionSimulatorMethodCallback(Protocol):
    """What decides on each call whether it fails."""

    def get_exception_to_raise(
        self, target: type, method_name: str, execute_func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> BaseException | None:
        """Return the error that the call is to end with, or None.

        `target` is the driver's class of connection or cursor, `args` and `kwargs` are those of the call.
        """
        ...


class ExceptionSimulator:
    """Errors that are to be raised, once each, and callbacks that decide anew each time. Any thread may give them."""

    def __init__(self) -> None:
        self._at_connect: deque[BaseException] = deque(maxlen=1)
        self._by_method: dict[str, BaseException] = {}
        self._connect_callback: ExceptionSimulatorConnectCallback | None = None
        self._method_callback: ExceptionSimulatorMethodCallback | None = None

    def raise_exception_on_next_connect(self, error: BaseException) -> None:
        """Have the next attempt to connect end with an error; raises `AwsWrapperError` where it is none."""
        self._at_connect.append(_checked(error))

    def raise_exception_on_next_method(self, error: BaseException, method_name: str = _ANY) -> None:
        """Have the next call end with an error, or the next call of one method, such as `Cursor.execute`.

        Raises `AwsWrapperError` where it is no error, or no name of a method.
        """
        if method_name != _ANY and "." not in str(method_name):
            raise AwsWrapperError(
                f"raise_exception_on_next_method: {method_name!r} is no name of a method, give one such as "
                f"'Cursor.execute' or 'Connection.commit', or '{_ANY}' for any"
            )
        self._by_method[method_name] = _checked(error)

    def set_connect_callback(self, callback: ExceptionSimulatorConnectCallback | None) -> None:
        """Have each attempt to connect decided upon; None ends that."""
        self._connect_callback = callback

    def set_method_callback(self, callback: ExceptionSimulatorMethodCallback | None) -> None:
        """Have each call decided upon; None ends that."""
        self._method_callback = callback

    def clear(self) -> None:
        """Forget all errors and callbacks."""
        self._at_connect.clear()
        self._by_method.clear()
        self._connect_callback = self._method_callback = None

    def at_connect(self, session: SessionView, host: HostInfo, proceed: ConnectNext) -> BaseException | None:
        """Return the error that this attempt to connect is to end with."""
        with contextlib.suppress(IndexError):
            return self._at_connect.popleft()
        if self._connect_callback is None:
            return None
        adapter, first = session.adapter, session.raw is None
        return self._connect_callback.get_exception_to_raise(
            adapter.connect, adapter, host, session.settings, first, proceed
        )

    def at_call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> BaseException | None:
        """Return the error that this call is to end with."""
        name = method_name(function)
        for wanted in (name, _ANY):
            if (error := self._by_method.pop(wanted, None)) is not None:
                return error
        if self._method_callback is None:
            return None
        target = type(getattr(function, "__self__", None))
        return self._method_callback.get_exception_to_raise(target, name, function, *args, **kwargs)


def _checked(error: BaseException) -> BaseException:
    if not isinstance(error, BaseException):
        raise AwsWrapperError(
            f"{error!r} cannot be raised, give an instance of an exception class first, such as "
            "psycopg.OperationalError('simulated')"
        )
    return error


ExceptionSimulatorManager: Final = ExceptionSimulator()
"""The errors and callbacks for all connections of this process that have the plugin `dev`."""


class DeveloperPlugin(Plugin):
    """The plugin `dev`: raises what `ExceptionSimulatorManager`, or its own `simulator`, has been told to."""

    code = "dev"

    def __init__(self, session: SessionView) -> None:
        super().__init__(session)
        self.simulator = ExceptionSimulator()
        """The errors and callbacks for this connection alone; they go before those for all."""

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Raise the error that is due, or connect."""
        for simulator in (self.simulator, ExceptionSimulatorManager):
            if (error := simulator.at_connect(self.session, host, proceed)) is not None:
                logger.debug("raising %s instead of connecting to %s", type(error).__name__, host.address)
                raise error
        return await proceed(host)

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        """Raise the error that is due, or make the call.

        An error that speaks of the network ends the connection: a real one comes with a connection that is lost.
        """
        for simulator in (self.simulator, ExceptionSimulatorManager):
            if (error := simulator.at_call(function, args, kwargs)) is not None:
                logger.debug("raising %s instead of calling %s", type(error).__name__, method_name(function))
                if self.session.classify(error) is ErrorKind.NETWORK:
                    await self.session.discard(self.session.current)
                raise error
        return await proceed(*args, **kwargs)
